import { DEFAULT_RETRY_POLICY, type RetryPolicy } from '@event-pipeline/queue';
import {
  MAX_ERROR_LENGTH,
  MAX_RETRY_AFTER_MS,
  errorText,
  failureOutcome,
  type FailureOutcome,
} from './delivery-outcome';
import { PermanentError } from './event-handler';

const policy: RetryPolicy = { maxAttempts: 3, baseDelayMs: 100, maxDelayMs: 1_000 };
/** Full jitter: this share of the ceiling. */
const HALF = 0.5;

const retry = (delayMs: number) => ({ outcome: 'retry', delayMs }) as const;
const dead = (reason: string) => ({ outcome: 'dead', reason }) as const;
const withProperties = (properties: object) => Object.assign(new Error('no'), properties);
const hostile = new Proxy(
  {},
  {
    get: () => {
      throw new Error('from the getter');
    },
    getPrototypeOf: () => {
      throw new Error('from the prototype');
    },
  },
);

describe('what becomes of an event whose handler failed', () => {
  it.each<[what: string, thrown: unknown, attempt: number, expected: object]>([
    ['an error, first time', new Error('no'), 1, retry(50)],
    ['an error, second time', new Error('no'), 2, retry(100)],
    ['an error, last time', new Error('no'), 3, dead('attempts-exhausted')],
    ['an error, beyond the last time', new Error('no'), 7, dead('attempts-exhausted')],
    ['a PermanentError', new PermanentError('never'), 1, dead('permanent-error')],
    [
      'an error of another module named so',
      withProperties({ name: 'PermanentError' }),
      1,
      dead('permanent-error'),
    ],
    ['permanent: true', withProperties({ permanent: true }), 1, dead('permanent-error')],
    ['permanent: true, last time', withProperties({ permanent: true }), 3, dead('permanent-error')],
    ['a plain object with permanent: true', { permanent: true }, 1, dead('permanent-error')],
    ['permanent that is only truthy', withProperties({ permanent: 'yes' }), 1, retry(50)],
    [
      'permanent and retryAfterMs',
      withProperties({ permanent: true, retryAfterMs: 5 }),
      1,
      dead('permanent-error'),
    ],
    ['retryAfterMs', withProperties({ retryAfterMs: 4_321 }), 1, retry(4_321)],
    ['retryAfterMs: 0', withProperties({ retryAfterMs: 0 }), 2, retry(0)],
    ['a broken retryAfterMs', withProperties({ retryAfterMs: 0.2 }), 1, retry(1)],
    [
      'an endless retryAfterMs',
      withProperties({ retryAfterMs: Infinity }),
      1,
      retry(MAX_RETRY_AFTER_MS),
    ],
    ['retryAfterMs that is no number', withProperties({ retryAfterMs: '9' }), 1, retry(50)],
    ['retryAfterMs that is NaN', withProperties({ retryAfterMs: NaN }), 1, retry(50)],
    ['a negative retryAfterMs', withProperties({ retryAfterMs: -1 }), 1, retry(50)],
    ['retryAfterMs, last time', withProperties({ retryAfterMs: 5 }), 3, dead('attempts-exhausted')],
    ['a string', 'no', 1, retry(50)],
    ['undefined', undefined, 1, retry(50)],
    ['null', null, 3, dead('attempts-exhausted')],
    ['an object whose every property throws', hostile, 1, retry(50)],
  ])('%s', (_, thrown, attempt, expected) => {
    const outcome: FailureOutcome = failureOutcome(thrown, attempt, policy, HALF);
    expect(outcome).toMatchObject(expected);
    expect(typeof outcome.error).toBe('string');
  });

  it('is tried ten times by default', () => {
    const outcomes = Array.from(
      { length: 10 },
      (_, i) => failureOutcome(new Error('no'), i + 1, DEFAULT_RETRY_POLICY, HALF).outcome,
    );
    expect(outcomes).toEqual([...Array<string>(9).fill('retry'), 'dead']);
  });
});

describe('the error text of a dead letter', () => {
  it.each<[what: string, thrown: unknown, text: string]>([
    ['an Error', new Error('plain'), 'plain'],
    ['a TypeError', new TypeError('not a function'), 'TypeError: not a function'],
    ['a PermanentError', new PermanentError('never'), 'PermanentError: never'],
    ['a string', 'a string', 'a string'],
    ['undefined', undefined, 'undefined'],
    ['an object without a prototype', Object.create(null), 'unprintable error'],
    ['an object whose every property throws', hostile, 'unprintable error'],
    ['a message that is no text', withProperties({ message: { a: 1 } }), '[object Object]'],
  ])('of %s', (_, thrown, text) => {
    expect(errorText(thrown)).toBe(text);
  });

  it('is cut to its greatest length', () => {
    expect(errorText(new Error('x'.repeat(100_000)))).toHaveLength(MAX_ERROR_LENGTH);
  });
});
