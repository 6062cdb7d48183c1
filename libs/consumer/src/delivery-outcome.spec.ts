import fc from 'fast-check';
import { STRANGE_FORMS } from '@event-pipeline/runtime/testing';
import { DEFAULT_RETRY_POLICY, type RetryPolicy } from '@event-pipeline/queue';
import { MAX_RETRY_AFTER_MS, failureOutcome, type FailureOutcome } from './delivery-outcome';
import { MAX_ERROR_LENGTH, errorText } from './error-text';
import { PermanentError, RetryableError } from './handler-errors';

const policy: RetryPolicy = {
  maxAttempts: 3,
  baseDelayMs: 100,
  maxDelayMs: 1_000,
  maxAgeMs: 60_000,
};
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
    ['a RetryableError', new RetryableError('later'), 2, retry(100)],
    ['a RetryableError with a delay', new RetryableError('later', { delayMs: 70 }), 1, retry(70)],
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
    const outcome: FailureOutcome = failureOutcome(thrown, { attempt, ageMs: 0 }, policy, HALF);
    expect(outcome).toMatchObject(expected);
    expect(typeof outcome.error).toBe('string');
  });

  it.each([
    ['has failed for less than the maximum age', 59_999, policy, retry(50)],
    ['has failed for the maximum age', 60_000, policy, dead('too-old')],
    ['has failed for long where there is none', 1e12, { ...policy, maxAgeMs: 0 }, retry(50)],
    ['failed first in the future, by a clock that jumped', -5_000, policy, retry(50)],
  ])('one that %s', (_, ageMs, given, expected) => {
    const record = { attempt: 1, ageMs };
    expect(failureOutcome(new Error('no'), record, given, HALF)).toMatchObject(expected);
  });

  it('is within its bounds whatever is thrown, and never a retry after the last attempt', () => {
    const thrown = fc.oneof(
      fc.anything(),
      fc.record({ retryAfterMs: fc.oneof(fc.double(), fc.anything()) }),
      fc.record({ permanent: fc.anything(), name: fc.anything(), cause: fc.anything() }),
    );
    const form = fc.constantFrom(...STRANGE_FORMS);
    const attempts = fc.integer({ min: 1, max: 20 });
    const ages = fc.integer({ min: -1_000, max: 100_000 });
    fc.assert(
      fc.property(
        form,
        thrown,
        attempts,
        ages,
        fc.nat(999),
        (make, value, attempt, ageMs, random) => {
          const what = make(value);
          const record = { attempt, ageMs };
          const outcome = failureOutcome(what, record, DEFAULT_RETRY_POLICY, random / 1_000);
          expect(outcome.error.length).toBeLessThanOrEqual(MAX_ERROR_LENGTH);
          if (outcome.outcome === 'dead') return;
          expect(attempt).toBeLessThan(10);
          expect(outcome.delayMs).toBeGreaterThanOrEqual(0);
          expect(outcome.delayMs).toBeLessThanOrEqual(MAX_RETRY_AFTER_MS);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('is tried ten times by default', () => {
    const outcomes = Array.from({ length: 10 }, (_, i) => {
      const record = { attempt: i + 1, ageMs: 1_000 * i };
      return failureOutcome(new Error('no'), record, DEFAULT_RETRY_POLICY, HALF).outcome;
    });
    expect(outcomes).toEqual([...Array<string>(9).fill('retry'), 'dead']);
  });
});

describe('the error text of a dead letter', () => {
  it.each<[what: string, thrown: unknown, text: string]>([
    ['an Error', new Error('plain'), 'plain'],
    ['a TypeError', new TypeError('not a function'), 'TypeError: not a function'],
    ['a PermanentError', new PermanentError('never'), 'PermanentError: never'],
    ['a string', 'a string', 'a string'],
    [
      'an error with causes',
      new TypeError('fetch failed', {
        cause: withProperties({ cause: new RangeError('too far'), code: 'ECONNREFUSED' }),
      }),
      'TypeError: fetch failed; caused by no (ECONNREFUSED); caused by RangeError: too far',
    ],
    [
      'several errors at once',
      new AggregateError([new Error('one'), new Error('two')], 'all failed'),
      'AggregateError: all failed; caused by one',
    ],
    [
      'an error whose cause says the same',
      new Error('no connection', { cause: new Error('no connection') }),
      'no connection',
    ],
    ['undefined', undefined, 'undefined'],
    ['an object without a prototype', Object.create(null), 'unprintable error'],
    ['an object whose every property throws', hostile, 'unprintable error'],
    ['a message that is no text', withProperties({ message: { a: 1 } }), '[object Object]'],
  ])('of %s', (_, thrown, text) => {
    expect(errorText(thrown)).toBe(text);
  });

  it('names a few causes of a chain without an end, and no stack', () => {
    const snake = new Error('bites its tail');
    snake.cause = snake;
    expect(errorText(snake)).toBe('bites its tail');
    let deep = new Error('cause 0');
    for (let n = 1; n <= 100; n++) deep = new Error(`cause ${n}.`, { cause: deep });
    expect(errorText(deep)).toBe(
      [100, 99, 98, 97, 96].map((n) => `cause ${n}.`).join('; caused by '),
    );
  });

  it('is not cut through a pair of surrogates', () => {
    const text = errorText(new Error(`${'x'.repeat(MAX_ERROR_LENGTH - 1)}😀`));
    expect(text).toBe(`${'x'.repeat(MAX_ERROR_LENGTH - 1)}\ufffd`);
  });

  it('is cut to its greatest length', () => {
    expect(errorText(new Error('x'.repeat(100_000)))).toHaveLength(MAX_ERROR_LENGTH);
  });
});
