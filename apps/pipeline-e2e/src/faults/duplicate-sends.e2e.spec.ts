import { credentials, status, type ServiceError } from '@grpc/grpc-js';
import {
  EventServiceClient,
  type Event,
  type PublishEventsResponse,
} from '@event-pipeline/contracts';
import { systemRandom } from '@event-pipeline/runtime';
import { numberedContent, numberedEvent } from '../harness/load/numbered-event';
import { Pipeline } from '../harness/pipeline';
import { Scratch } from '../harness/scratch';

const SEED = 1;
const OTHER_SEED = 2;

const scratch = new Scratch();
afterEach(() => scratch.clean());

describe('an event that is sent several times', () => {
  it.each(['embedded', 'postgres'] as const)(
    'is stored once in the %s store, as it was the first time',
    async (store) => {
      const pipeline = await Pipeline.start({ engine: 'redis', store, handlerMs: 0 }, scratch);
      const client = new EventServiceClient(pipeline.address, credentials.createInsecure());
      scratch.afterwards(() => client.close());
      const send = (batchId: string, events: readonly Event[]) => publish(client, batchId, events);
      const numbers = Array.from({ length: 50 }, (_, n) => n);
      const events = numbers.map((n) => numberedEvent(n, SEED));
      const others = numbers.map((n) => numberedEvent(n, OTHER_SEED));
      const id = systemRandom.uuid();

      expect(await send(id, events)).toMatchObject({ accepted: 50, duplicate: false });
      await pipeline.queue.untilEmpty();
      // The same batch again, the same events without an id at once, other contents by the same ids.
      expect(await send(id, events)).toMatchObject({ accepted: 50, duplicate: true });
      await expect(send(id, others)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
      await Promise.all([1, 2, 3].map(() => send('', events)));
      expect(await send(systemRandom.uuid(), others)).toMatchObject({ accepted: 50 });

      expect(await pipeline.queue.untilEmpty()).toMatchObject({ enqueued: 250, processed: 250 });
      const found = [...(await pipeline.end.found())].sort((a, b) =>
        a.eventId < b.eventId ? -1 : 1,
      );
      expect(found).toEqual(
        events.map(({ eventId }, n) => ({ eventId, content: numberedContent(n, SEED) })),
      );
    },
    120_000,
  );
});

function publish(
  client: EventServiceClient,
  batchId: string,
  events: readonly Event[],
): Promise<PublishEventsResponse> {
  return new Promise((resolve, reject) => {
    client.publishEvents(
      { batchId, events: [...events] },
      (error: ServiceError | null, response) => (error ? reject(error) : resolve(response)),
    );
  });
}
