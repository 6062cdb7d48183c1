import { randomUUID } from 'node:crypto';
import {
  BATCH_ID_WINDOW_MS,
  type EnqueueBatch,
  type Lease,
  type Queue,
  type QueueLimits,
  type QueueStats,
  type Received,
  type ReceiveRequest,
} from '../queue';

export interface QueueUnderTest {
  readonly queue: Queue;
  /** Another user of the same queue, as another process would be; closed by dispose. */
  openAnother(): Promise<Queue>;
  /** Lets time pass as the engine sees it: leases, retries and remembered ids grow older by `ms`. */
  passTime(ms: number): Promise<void>;
  /**
   * Makes a dead letter of a text in partition 0 that did not come by way of the queue, whatever it is:
   * reason `undecodable`, error `no event`, one attempt. It counts as an event that was enqueued.
   */
  buryForeign(body: string): Promise<void>;
  /** Closes everything and removes what was stored. */
  dispose(): Promise<void>;
}

export type CreateQueueUnderTest = (options?: {
  limits?: Partial<QueueLimits>;
}) => Promise<QueueUnderTest>;

/** Runs a test body against a fresh queue, checks the conservation identity after it, cleans up. */
export function withQueue(
  create: CreateQueueUnderTest,
  body: (context: QueueUnderTest) => Promise<void>,
  options?: { limits?: Partial<QueueLimits> },
): () => Promise<void> {
  return async () => {
    const context = await create(options);
    try {
      await body(context);
      expectConserved(await context.queue.stats(0));
    } finally {
      await context.dispose();
    }
  };
}

export function expectConserved(stats: QueueStats): void {
  const { pending, suspect, leased, delayed, processed, dead, purged } = stats;
  const accounted = pending + suspect + leased + delayed + processed + dead + purged;
  expect({ ...stats, accounted }).toMatchObject({ enqueued: accounted });
  for (const [name, value] of Object.entries(stats)) {
    if (typeof value === 'number' && value < 0) throw new Error(`${name} is negative: ${value}`);
  }
}

export const event = (n: number | string): string => `{"n":${JSON.stringify(n)}}`;

export const events = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => event(from + i));

export function batchOf(bodies: readonly string[], more: Partial<EnqueueBatch> = {}): EnqueueBatch {
  return {
    id: randomUUID(),
    digest: 'digest',
    answer: '',
    rememberMs: BATCH_ID_WINDOW_MS,
    bodies,
    ...more,
  };
}

/** Enqueues events as one batch and insists that they were queued. */
export async function put(queue: Queue, bodies: readonly string[]): Promise<void> {
  expect(await queue.enqueue(0, [batchOf(bodies)])).toEqual([{ outcome: 'queued' }]);
}

export const LEASE_MS = 30_000;

export function receive(queue: Queue, more: Partial<ReceiveRequest> = {}): Promise<Received> {
  return queue.receive({
    partition: 0,
    leaseId: randomUUID(),
    maxEvents: 100,
    maxBytes: 1_000_000,
    leaseMs: LEASE_MS,
    isolated: 'skip',
    ...more,
  });
}

/** Receives and insists that there was something. */
export async function take(queue: Queue, more: Partial<ReceiveRequest> = {}): Promise<Lease> {
  const { lease } = await receive(queue, more);
  if (!lease) throw new Error('expected a lease, there was nothing to receive');
  return lease;
}

export const bodiesOf = (lease: Lease | undefined): string[] =>
  lease ? lease.deliveries.map(({ body }) => body) : [];

/** Takes and settles everything that can be received now; returns it in order. */
export async function drainAll(
  queue: Queue,
  more: Partial<ReceiveRequest> = {},
): Promise<string[]> {
  const all: string[] = [];
  for (;;) {
    const { lease } = await receive(queue, more);
    if (!lease) return all;
    all.push(...bodiesOf(lease));
    await queue.settle(lease, []);
  }
}

/** Lets the lease run out and takes it back. */
export async function expire(context: QueueUnderTest, maxCrashes = 3): Promise<void> {
  await context.passTime(LEASE_MS + 1);
  await context.queue.reclaim(0, { maxLeases: 100, maxCrashes });
}
