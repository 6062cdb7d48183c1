import type { Clock, Random } from '@event-pipeline/runtime';
import type { TokenSource } from '@event-pipeline/publisher';
import type { CollectorTransport } from './collector-transport';
import type { EventFeed } from './event-feed';
import type { Tally } from './tally';

/** What a run gives to whatever sends its events. */
export interface SenderDeps {
  /** Where the collector listens. */
  readonly collector: string;
  readonly transport: CollectorTransport;
  readonly connections: number;
  /** Events in one batch. */
  readonly batchSize: number;
  readonly feed: EventFeed;
  readonly tally: Tally;
  /** Sent with each call; undefined: none. */
  readonly token?: TokenSource | undefined;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborts when sending shall end: what was sent may still be answered, nothing is sent again. */
  readonly stop: AbortSignal;
  /** Aborts when waiting for answers shall end, too: calls under way are cancelled. */
  readonly giveUp: AbortSignal;
  /** Ends the whole run for a reason that sending again cannot mend. */
  stopRun(reason: string): void;
  /** Tells people what an answer of the collector means; shortened where there is much of it. */
  notice(text: string): void;
  /** Tells people that there is no connection; as often as that is looked at. */
  waiting(): void;
}

/** Connections at work. */
export interface Sender {
  /** Whether it waits for the collector beside the events that it has sent. */
  readonly isWaiting: boolean;
  /** Whether every connection is up within the time. False soon after `stop` as well. */
  connected(timeoutMs: number): Promise<boolean>;
  /**
   * Sends what the feed gives until it ends, and resolves when each event is accounted for in the tally. In
   * order on each connection: what comes later in the feed is never acknowledged before.
   */
  send(): Promise<void>;
  /** Frees the connections. */
  close(): void;
}

/** A way of getting events to the collector and learning what became of them. */
export interface SendMode {
  /** What one acknowledgement answers; the latency is measured a `unit`. */
  readonly unit: 'batch' | 'stream' | 'request';
  /** From where to where the acknowledgement latency is measured. */
  readonly latency: string;
  open(deps: SenderDeps): Sender;
}
