import type { EventServiceClient } from '@event-pipeline/contracts';
import type { Clock, Random } from '@event-pipeline/runtime';
import type { EventFeed } from './event-feed';
import type { Tally } from './tally';

/** One connection at work, and what it shares with the others. */
export interface Lane {
  readonly client: EventServiceClient;
  readonly feed: EventFeed;
  readonly tally: Tally;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: LaneLimits;
  /** Aborts when sending shall end: what was sent may still be answered, nothing is sent again. */
  readonly stop: AbortSignal;
  /** Aborts when waiting for answers shall end, too: calls under way are cancelled. */
  readonly giveUp: AbortSignal;
  /** Waits for `ms`, then until the connection is up; ends early with `stop`. */
  beforeRetry(ms: number): Promise<void>;
  /** Ends the whole run for a reason that sending again cannot mend. */
  stopRun(reason: string): void;
  /** Tells people what goes on; shortened where there is much of it. */
  notice(text: string): void;
}

export interface LaneLimits {
  /** Events in one batch. */
  readonly batchSize: number;
  /** Bytes kept until they are acknowledged; one event may exceed it. */
  readonly windowBytes: number;
  /** How long one unary request may take before it is sent again under its batch id. */
  readonly requestMs: number;
  /** How long a stream of batches may go without an answer before its batches are sent again. */
  readonly answerMs: number;
}

/** A way of getting events to the collector and learning what became of them. */
export interface SendMode {
  /** What one acknowledgement answers; the latency is measured a `unit`. */
  readonly unit: 'batch' | 'stream' | 'request';
  /** From where to where the acknowledgement latency is measured. */
  readonly latency: string;
  /**
   * Sends what the lane's feed gives until it ends, and resolves when each event is accounted for
   * in the tally. In order: what comes later in the feed is never acknowledged before.
   */
  send(lane: Lane): Promise<void>;
}
