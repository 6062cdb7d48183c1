import { credentials } from '@grpc/grpc-js';
import { EventServiceClient } from '@event-pipeline/contracts';
import { SeededRandom } from '@event-pipeline/runtime/testing';
import type { Scratch } from '../scratch';
import { until } from '../until';
import { sendBatches } from './batch-lane';
import { Lane } from './lane';
import { Ledger } from './ledger';
import { sendStreams } from './stream-lane';
import { sendUnary } from './unary-lane';

const WAYS = { unary: sendUnary, batches: sendBatches, streams: sendStreams } as const;
export type Way = keyof typeof WAYS;

/** Ways to send that bear a batch id: the queue then holds no duplicate, whatever happened. */
export const WITH_BATCH_IDS: readonly Way[] = ['unary', 'unary', 'batches', 'batches'];
export const ALL_WAYS: readonly Way[] = ['unary', 'batches', 'streams', 'streams'];

export interface LoadOptions {
  readonly address: string;
  readonly seed: number;
  /** A producer each, with a connection of its own. */
  readonly ways?: readonly Way[];
  readonly batchEvents?: number;
  /** All producers together. Default: 1,000. */
  readonly eventsPerSecond?: number;
  /** After so many events the load sends no more. */
  readonly maxEvents?: number;
  /** Of failures that leave it open whether the events arrived, the share that are given up. */
  readonly impatience?: number;
}

/**
 * Several producers that send numbered events for as long as they are let, whatever becomes of the
 * collector: each keeps to docs/errors.md by itself and goes on by itself. What they know is in the
 * ledger.
 */
export class Load {
  readonly ledger: Ledger;
  /** Failed calls, by status and text. */
  readonly failures = new Map<string, number>();
  private closing = new AbortController();
  private readonly givenUp = new AbortController();
  private running: Promise<unknown> | undefined;
  private readonly clients: readonly EventServiceClient[];
  private readonly ways: readonly Way[];
  private readonly random: SeededRandom;

  constructor(
    private readonly options: LoadOptions,
    scratch: Scratch,
  ) {
    this.ways = options.ways ?? WITH_BATCH_IDS;
    this.ledger = new Ledger(options.seed, options.maxEvents);
    this.random = new SeededRandom(options.seed);
    this.clients = this.ways.map(
      () =>
        new EventServiceClient(options.address, credentials.createInsecure(), {
          'grpc.use_local_subchannel_pool': 1,
          'grpc.enable_http_proxy': 0,
          'grpc.initial_reconnect_backoff_ms': 50,
          'grpc.min_reconnect_backoff_ms': 50,
          'grpc.max_reconnect_backoff_ms': 250,
          'grpc.keepalive_time_ms': 2_000,
          'grpc.keepalive_timeout_ms': 2_000,
        }),
    );
    scratch.afterwards(async () => {
      await this.stop();
      for (const client of this.clients) client.close();
    });
  }

  /** Begins, or goes on after {@link settle}. */
  start(): void {
    this.closing = new AbortController();
    const { batchEvents = 20, eventsPerSecond = 1_000, impatience = 0 } = this.options;
    const lanePace = eventsPerSecond / this.clients.length;
    const lanes = this.clients.map((client, i) => {
      const lane = new Lane(
        {
          client,
          ledger: this.ledger,
          random: new SeededRandom(Math.floor(this.random.next() * 2 ** 32)),
          batchEvents,
          eventsPerSecond: lanePace,
          // Evenly over the time from batch to batch: together they would send in bursts.
          offsetMs: ((batchEvents / lanePace) * 1_000 * i) / this.clients.length,
          impatience,
          onFailure: ({ text }) => this.failures.set(text, (this.failures.get(text) ?? 0) + 1),
        },
        this.closing.signal,
        this.givenUp.signal,
      );
      return WAYS[this.ways[i] ?? 'unary'](lane);
    });
    this.running = Promise.all(lanes);
    // Whoever awaits it learns of a failure; nobody else has to.
    this.running.catch(() => undefined);
  }

  /** Sends no more, and waits until every event has its answer. */
  async settle(limitMs = 60_000): Promise<void> {
    this.closing.abort();
    let settled = false;
    const running = this.running?.then(() => (settled = true));
    running?.catch(() => undefined);
    await until('every event has an answer', () => settled || running === undefined, limitMs);
    await running;
  }

  /** Sends no more, and gives up what has no answer. */
  async stop(): Promise<void> {
    this.closing.abort();
    this.givenUp.abort();
    await this.running?.catch(() => undefined);
  }
}
