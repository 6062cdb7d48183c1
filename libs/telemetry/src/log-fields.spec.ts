import fc from 'fast-check';
import { PipelineError } from '@event-pipeline/runtime';
import { loggableFields } from './log-fields';

describe('loggableFields', () => {
  it('leaves ordinary fields as they are', () => {
    const fields = { partition: 0, ok: true, none: null, ids: ['a', 'b'], nested: { size: 1.5 } };
    expect(loggableFields(fields)).toEqual(fields);
  });

  it('cuts long texts and marks where', () => {
    const { text } = loggableFields({ text: 'x'.repeat(1_000_000) });
    expect(text).toBe(`${'x'.repeat(256)}…`);
  });

  it('writes an error with its code, its frames and its causes, and nothing else of it', () => {
    const cause = Object.assign(new Error('connection refused'), {
      code: 'ECONNREFUSED',
      command: { name: 'lpush', args: ['payload'] },
    });
    const { err } = loggableFields({
      err: new PipelineError('QUEUE_UNAVAILABLE', 'no answer', { cause }),
    });
    const frames = expect.stringMatching(/^at .*log-fields\.spec/);
    expect(err).toEqual({
      type: 'PipelineError',
      code: 'QUEUE_UNAVAILABLE',
      message: 'no answer',
      stack: frames,
      cause: { type: 'Error', code: 'ECONNREFUSED', message: 'connection refused', stack: frames },
    });
  });

  it('takes an error given in place of fields', () => {
    expect(loggableFields(new Error('oh'))).toMatchObject({
      err: { type: 'Error', message: 'oh' },
    });
  });

  it('does not take a message for frames', () => {
    const { err } = loggableFields({ err: new Error('x\n    at forged (frame.js:1:1)') });
    expect((err as { stack: string }).stack).not.toContain('forged');
  });

  it('writes each error of several', () => {
    const { err } = loggableFields({
      err: new AggregateError([new Error('a'), 'b'], 'all failed'),
    });
    expect(err).toMatchObject({ message: 'all failed', errors: [{ message: 'a' }, 'b'] });
  });

  it('masks secrets by their name and passwords in URLs', () => {
    expect(
      loggableFields({ Password: 'x', apiKey: 1, nested: { token: 'x' }, url: 'redis://:pw@h' }),
    ).toEqual({ Password: '***', apiKey: '***', nested: { token: '***' }, url: 'redis://:***@h' });
  });

  it.each([
    'authorization',
    'Proxy-Authorization',
    'x-api-key',
    'access_token',
    'refreshToken',
    'storePassword',
    'client_secret',
    'private-key',
    'set-cookie',
  ])('masks what is called %s', (name) => {
    expect(loggableFields({ [name]: 'very secret', 'x-request-id': 'a' })).toEqual({
      [name]: '***',
      'x-request-id': 'a',
    });
  });

  it('masks the token in gRPC metadata, as grpc-js has it', () => {
    const metadata = { internalRepr: new Map([['authorization', ['Bearer very-secret']]]) };
    expect(JSON.stringify(loggableFields({ metadata, error: 'no: Bearer very-secret' }))).toBe(
      '{"metadata":{"internalRepr":{"authorization":"***"}},"error":"no: Bearer ***"}',
    );
  });

  it('writes values that JSON has no form for', () => {
    expect(
      loggableFields({
        big: 12n,
        nan: NaN,
        bytes: Buffer.from('abc'),
        call: () => 1,
        symbol: Symbol('x'),
        date: new Date(0),
        map: new Map([['a', 1]]),
        invalid: new Date(NaN),
      }),
    ).toEqual({
      big: '12',
      nan: 'NaN',
      bytes: '(3 bytes)',
      call: '(function)',
      symbol: '(symbol)',
      date: '1970-01-01T00:00:00.000Z',
      map: { a: 1 },
      invalid: null,
    });
  });

  it('survives accessors that throw, cycles and unfit names', () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    const hostile = Object.defineProperty({}, 'value', {
      enumerable: true,
      get: () => {
        throw new Error('no');
      },
    });
    const proxy = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('no');
        },
      },
    );
    expect(loggableFields({ hostile, proxy, after: 1 })).toEqual({
      hostile: '(unreadable)',
      proxy: '(unreadable)',
      after: 1,
    });
    expect(loggableFields(proxy)).toEqual({ fields: '(unreadable)' });
    expect(JSON.stringify(loggableFields({ cycle }))).toContain('(object)');
    const prototype = loggableFields(JSON.parse('{"__proto__": {"polluted": 1}}') as object);
    expect(Object.hasOwn(prototype, '__proto__')).toBe(true);
    expect((prototype as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('bounds the whole, whatever its shape', () => {
    const wide = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`field${i}`, i]));
    const long = new Array(5_000).fill('x'.repeat(5_000));
    const deep = new Array(32).fill(new Array(32).fill(new Array(32).fill('y'.repeat(5_000))));
    const errors = new Array(5_000).fill(new Error('z'.repeat(5_000)));
    const bushy = (depth: number): object =>
      Object.fromEntries(
        Array.from({ length: 32 }, (_, i) => [`field${i}`, depth === 0 ? 'x' : bushy(depth - 1)]),
      );
    const selfCaused = new Error('mine');
    selfCaused.cause = selfCaused;
    let chained = new Error('first');
    for (let links = 0; links < 1_000; links += 1) chained = new Error('next', { cause: chained });
    for (const value of [wide, long, deep, errors, bushy(2), selfCaused, chained]) {
      expect(JSON.stringify(loggableFields({ value })).length).toBeLessThan(25_000);
    }
  });

  it('never fails and never grows, whatever it is given', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withMap: true, withTypedArray: true }),
        (value) => {
          const text = JSON.stringify(loggableFields({ value }));
          expect(text.length).toBeLessThan(25_000);
        },
      ),
      { numRuns: 500 },
    );
  });
});
