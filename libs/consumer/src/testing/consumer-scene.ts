import { SeededRandom, SimulatedClock } from '@event-pipeline/runtime/testing';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import { Consumer, type ConsumerOptions } from '../consumer';
import type { LostLease, ObservedLease, SettledLease } from '../consumer-observer';
import type { EventHandler } from '../event-handler';
import { InMemoryQueue, type InMemoryQueueOptions } from '@event-pipeline/queue/testing';
import { InterceptedQueue, unavailable } from './intercepted-queue';

export interface Numbered {
  readonly n: number;
}

export const LEASE_MS = 30_000;
/** Long enough for everything that a consumer does by itself to happen several times. */
export const LONG = 10 * LEASE_MS;
export const never = new AbortController().signal;

const codec = {
  decode: (body: string) => JSON.parse(body) as Numbered,
  typeOf: () => 'numbered',
  idOf: ({ n }: Numbered) => `${n}`,
};

/** A queue, a clock that stands still, and consumers over them. */
export class Scene {
  readonly clock = new SimulatedClock();
  readonly sink = createLogSink('info');
  readonly memory: InMemoryQueue;
  readonly queue: InterceptedQueue;
  readonly leases: ObservedLease[] = [];
  readonly settled: SettledLease<Numbered>[] = [];
  readonly lost: LostLease[] = [];
  private batches = 0;
  private consumers: Consumer<Numbered>[] = [];

  constructor(options: InMemoryQueueOptions = {}) {
    this.memory = new InMemoryQueue(this.clock, options);
    this.queue = new InterceptedQueue(this.memory);
  }

  consumer(
    handler: EventHandler<Numbered>,
    options: Partial<ConsumerOptions<Numbered>> = {},
  ): Consumer<Numbered> {
    const consumer = new Consumer<Numbered>({
      queue: this.queue,
      codec,
      handlers: new Map([['*', handler]]),
      clock: this.clock,
      random: new SeededRandom(this.consumers.length + 1),
      logger: this.sink.logger,
      observer: {
        onLease: (lease) => this.leases.push(lease),
        onSettled: (lease) => this.settled.push(lease),
        onLost: (lease) => this.lost.push(lease),
      },
      concurrency: 1,
      batchSize: 10,
      batchBytes: 1_000_000,
      leaseMs: LEASE_MS,
      handlerTimeoutMs: 0,
      ...options,
    });
    this.consumers.push(consumer);
    return consumer;
  }

  async start(
    handler: EventHandler<Numbered>,
    options: Partial<ConsumerOptions<Numbered>> = {},
  ): Promise<Consumer<Numbered>> {
    const consumer = this.consumer(handler, options);
    await consumer.start();
    return consumer;
  }

  async put(from: number, to: number, partition = 0): Promise<void> {
    const numbers = Array.from({ length: to - from + 1 }, (_, i) => from + i);
    const bodies = numbers.map((n) => `{"n":${n}}`);
    const batch = { id: `${this.batches++}`, digest: '', answer: '', rememberMs: 1, bodies };
    await this.queue.enqueue(partition, [batch]);
  }

  /** Leases events as a worker does that then dies: the lease stays until it expires. */
  async leaseAndDie(maxEvents: number, isolated: 'skip' | 'only' = 'skip') {
    const leaseId = new SeededRandom(this.batches++ + 1_000).uuid();
    const limits = { maxEvents, maxBytes: 1_000_000, leaseMs: LEASE_MS };
    return this.memory.receive({ partition: 0, leaseId, isolated, ...limits });
  }

  /** Lets all leases expire and takes them back. */
  async expire(): Promise<void> {
    await this.clock.advance(LEASE_MS + 1);
    await this.memory.reclaim(0, { maxLeases: 1_000, maxCrashes: 3 });
  }

  /** Every event is accounted for, and none is left but those named. */
  async expectLeft(left: Partial<Awaited<ReturnType<InMemoryQueue['stats']>>>): Promise<void> {
    for (let partition = 0; partition < this.memory.partitionCount(); partition++) {
      const stats = await this.memory.stats(partition);
      const { pending, suspect, leased, delayed, processed, dead, purged } = stats;
      expect(stats.enqueued).toBe(pending + suspect + leased + delayed + processed + dead + purged);
      const none = { pending: 0, suspect: 0, leased: 0, delayed: 0, dead: 0, leases: 0 };
      expect(stats).toMatchObject({ ...none, ...left });
    }
  }

  /** Moves time, then lets the loops go on, which give the event loop a turn between events. */
  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms);
    for (let turn = 0; turn < 5; turn++) await this.clock.advance(0);
  }

  messagesAt(level: string): string[] {
    return this.sink.lines.filter((line) => line.level === level).map(({ msg }) => msg);
  }
}

/** The whole numbers from one to the other, both included. */
export const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** For calls to a queue that does not answer. */
export const fails = async (): Promise<never> => {
  throw unavailable();
};

/** The same answer, so many times. */
export const times = <T>(count: number, answer: T): T[] => Array<T>(count).fill(answer);
