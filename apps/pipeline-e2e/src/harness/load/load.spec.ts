import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import {
  EventServiceService,
  type EventServiceServer,
  type PublishEventsRequest,
} from '@event-pipeline/contracts';
import { Scratch } from '../scratch';
import { until } from '../until';
import { Load, type Way } from './load';

const scratch = new Scratch();
afterEach(() => scratch.clean());

describe('a load without a collector', () => {
  it.each<[Way, number]>([
    ['unary', 10],
    ['batches', 40],
    ['streams', 10],
  ])(
    'by %s has a bounded number of events on their way, goes on trying, and can be given up',
    async (way, most) => {
      // Nothing listens on port 1.
      const load = new Load(
        { address: '127.0.0.1:1', seed: 1, ways: [way], batchEvents: 10 },
        scratch,
      );
      load.start();
      const failed = () => [...load.failures.values()].reduce((sum, count) => sum + count, 0);
      await until('many calls have failed', () => failed() > 12);
      expect(load.ledger.counts.sent).toBeGreaterThan(0);
      expect(load.ledger.counts.sent).toBeLessThanOrEqual(most);
      await load.stop();
      const { sent, unknown } = load.ledger.counts;
      expect(unknown).toBe(sent);
      expect(load.ledger.breaches).toEqual([]);
    },
  );
});

/** A collector that takes what is valid by unary calls, and ends one of them with this status. */
async function startFaultyCollector(code: status, details: string): Promise<string> {
  let calls = 0;
  const server = new Server();
  const service: Partial<EventServiceServer> = {
    publishEvents: ({ request }, callback) => {
      calls += 1;
      if (calls === 3) callback({ code, details });
      else callback(null, answerTo(request));
    },
  };
  server.addService(EventServiceService, service as EventServiceServer);
  scratch.afterwards(() => server.forceShutdown());
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return `127.0.0.1:${port}`;
}

function answerTo({ batchId, events }: PublishEventsRequest) {
  return { batchId, accepted: events.length, rejections: [], duplicate: false };
}

describe('a load on a collector that ends one call with a status of its own', () => {
  const breachesAfter = async (code: status, details: string) => {
    const address = await startFaultyCollector(code, details);
    const load = new Load({ address, seed: 1, ways: ['unary'], maxEvents: 200 }, scratch);
    load.start();
    await until('all is sent', () => load.ledger.counts.sent === 200);
    await load.settle();
    return load.ledger.breaches.filter((breach) => breach.includes('a valid call ended with'));
  };

  it.each([
    ['INTERNAL', 'a mistake of ours'],
    ['UNKNOWN', 'no idea'],
    ['ABORTED', 'try again'],
    ['DATA_LOSS', 'sorry'],
  ] as const)('has a breach of the contract in its ledger: %s', async (name, details) => {
    expect(await breachesAfter(status[name], details)).toEqual([
      `a valid call ended with ${name}: ${details}`,
    ]);
  });

  it.each([
    ['UNAVAILABLE', 'later'],
    ['CANCELLED', 'by someone'],
    ['INTERNAL', 'Received RST_STREAM with code 2'],
  ] as const)('has none for what errors.md explains: %s, %s', async (name, details) => {
    expect(await breachesAfter(status[name], details)).toEqual([]);
  });
});
