import fc from 'fast-check';
import { drainAll, put, startRedisServer, take, type RedisServer } from '../testing';
import {
  createRedisQueueUnderTest,
  type RedisQueueUnderTest,
} from './testing/redis-queue-under-test';

let server: RedisServer;
let context: RedisQueueUnderTest;

beforeAll(async () => {
  server = await startRedisServer({ args: ['--appendfsync', 'no'] });
  context = await createRedisQueueUnderTest({
    url: server.url,
    command: (_key, ...words) => server.command(...words),
  });
});

afterAll(async () => {
  await context.dispose();
  await server.stop();
});

/** What the elements of the lists are made of, and anything else that UTF-8 can hold. */
const body = fc
  .oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom(...'\u0001\u0002\u0003\0,p1:%s{}') }),
    fc.constantFrom(
      '\u00011,1,1\u0001{}',
      '\u00023',
      '\u0003p,1,1',
      '%s%d',
      '\u2028\ufeff',
      '\r\n',
    ),
  )
  .map((text) => `{${text}}`);

describe('an event in the lists of Redis', () => {
  it('keeps its body and its count beside each other, whatever the body is made of', async () => {
    const { queue } = context;
    await fc.assert(
      fc.asyncProperty(
        fc.array(body, { minLength: 1, maxLength: 9 }),
        fc.nat({ max: 3 }),
        async (bodies, failures) => {
          await put(queue, bodies);
          for (let attempts = 0; attempts < failures; attempts++) {
            const lease = await take(queue);
            expect(lease.deliveries).toMatchObject(
              bodies.map((each) => ({ body: each, attempts })),
            );
            const retries = bodies.map((_, index) => {
              return { index, outcome: 'retry' as const, delayMs: 0 };
            });
            await queue.settle(lease, retries);
          }
          expect(await drainAll(queue)).toEqual(bodies);
          expect(await queue.stats(0)).toMatchObject({ bytes: 0, delayed: 0, leased: 0 });
        },
      ),
      { numRuns: 200 },
    );
  });
});
