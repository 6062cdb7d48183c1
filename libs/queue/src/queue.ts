import type { Finding } from '@event-pipeline/runtime';
import type { DeadLetters } from './dead-letters';
import type { PackedEvents } from './packed-events';
import type { Partitioning } from './partitioning';

/**
 * The queue port: what every engine promises. The contract suite in testing/ holds each engine to
 * these sentences.
 *
 * An event is in exactly one state: pending, leased, suspect (back from a lease that expired),
 * delayed (waiting for a retry, or deferred), or gone for good as processed, dead or purged. Every method moves
 * events between states in one atomic step, so a crash at any moment leaves each event in one of
 * them; see {@link QueueStats} for the identity that follows.
 *
 * Payloads are opaque: the queue moves strings and never looks into them. Time is the engine's own
 * (Redis' TIME, the machine's clock for the embedded engine), never a client's.
 *
 * Failures are PipelineErrors: QUEUE_UNAVAILABLE (the engine gave no answer, so the step may or may
 * not have happened: every step can be repeated safely), QUEUE_FULL, LEASE_LOST, INVALID_ARGUMENT,
 * QUEUE_CORRUPT.
 */
export interface Queue {
  /** Events that were given up: to be looked at, put back or dropped. See {@link DeadLetters}. */
  readonly deadLetters: DeadLetters;

  /**
   * How many partitions there are: partition numbers run from 0 to this, exclusive. As last heard:
   * a change by another process is noticed within a few seconds.
   */
  partitionCount(): number;

  /** What routing needs to know of the partitions, as last heard. See {@link Partitioning}. */
  partitioning(): Partitioning;

  /**
   * Changes the number of partitions, while others go on using the queue. Does nothing where it is
   * so already. What lies in a partition stays there. Shrinking is refused with CONFIG_INVALID as
   * long as a partition that would go holds an event, dead letters included; a process that died on
   * the way leaves a queue that can be used, and the next one finishes the change.
   */
  resize(partitions: number): Promise<void>;

  /**
   * Appends batches to one partition in their order, and resolves once they are as durable as
   * {@link QueueHealth.durability} says. Answers for each batch by itself: one that is refused
   * changes nothing and leaves its neighbours alone.
   *
   * A batch id that is remembered is not queued again: the answer is `duplicate`, with the answer
   * text that was kept the first time. So after QUEUE_UNAVAILABLE the same call may be made again.
   */
  enqueue(partition: number, batches: readonly EnqueueBatch[]): Promise<readonly EnqueueResult[]>;

  /** Which of these batch ids the partition remembers, in their order. At most {@link MAX_ASKED_IDS}. */
  remembers(partition: number, batchIds: readonly string[]): Promise<readonly boolean[]>;

  /**
   * Leases events of one partition: suspects, due retries and pending events, oldest first, bounded
   * by events and bytes (at least one event, however large). While events are pending, suspects get
   * at most every other lease, which they do not share, and due retries at most half of a lease, so
   * that no side starves.
   *
   * The caller chooses the lease id: repeated with the same id, the call returns the lease it
   * already made.
   */
  receive(request: ReceiveRequest): Promise<Received>;

  /**
   * Ends a lease: says what became of each event and frees it. Events not named in `exceptions` are
   * done; exceptions are sorted by index. Atomic; refused with LEASE_LOST, changing nothing, when the
   * lease is no longer held. An expired lease that nobody has reclaimed is still held.
   */
  settle(lease: LeaseRef, exceptions: readonly SettleException[]): Promise<void>;

  /** Makes the lease last `leaseMs` from now. LEASE_LOST when it is no longer held. */
  extend(lease: LeaseRef, leaseMs: number): Promise<void>;

  /**
   * Gives every event of a lease back to where it came from, next in line and uncounted: neither a
   * crash nor an attempt. LEASE_LOST when it is no longer held.
   */
  release(lease: LeaseRef): Promise<void>;

  /**
   * Takes back leases whose time has run out, at most `maxLeases` in one call. The events come back
   * as suspects in two halves, so that after a few crashes an event that kills its worker is alone;
   * a suspect that was alone counts one crash, and at `maxCrashes` it becomes a dead letter.
   *
   * Each lease is taken back by itself: where an error comes after some, they are answered, and
   * the next call meets the error again.
   */
  reclaim(partition: number, limits: ReclaimLimits): Promise<Reclaimed>;

  /**
   * Resolves when the partition may have something to receive, when `maxWaitMs` is over, or when
   * the signal aborts; it may resolve for nothing. Never rejects for a lost connection: it waits.
   */
  waitForEvents(partition: number, maxWaitMs: number, signal: AbortSignal): Promise<void>;

  /** The partition's counters and depths, from one consistent moment. */
  stats(partition: number): Promise<QueueStats>;

  /**
   * How durable an acknowledgement is. Rejects while the queue does not answer; a queue that is full
   * answers.
   */
  health(): Promise<QueueHealth>;

  /** Ends connections and background duties. Safe to call twice; nothing else is called after. */
  close(): Promise<void>;
}

/** Most events in one enqueued batch and in one lease (Lua's unpack fails near 8,000 values). */
export const MAX_BATCH_EVENTS = 1_000;
/** What callers aim at, at most, for the bytes of a batch of several events; engines do not check it. */
export const MAX_BATCH_BYTES = 1_048_576;
/** How long a batch id is remembered. A publisher gives up on a batch sooner. */
export const BATCH_ID_WINDOW_MS = 15 * 60_000;

/** Most ids in one call of {@link Queue.remembers}. */
export const MAX_ASKED_IDS = 1_000;

export interface EnqueueBatch {
  /**
   * Unique among batches: letters, digits, ".", ":", "/" and "-", at most 128 of them. What makes
   * sending it again safe.
   */
  readonly id: string;
  /** Stands for the content: the same id with another digest is BATCH_ID_REUSED. At most 128 characters. */
  readonly digest: string;
  /** Kept with the id and returned with a duplicate; at most 65,536 characters, opaque. */
  readonly answer: string;
  /**
   * How long the id is remembered, ms: {@link BATCH_ID_WINDOW_MS} where a client chose it, less
   * where only the caller itself may send it again.
   */
  readonly rememberMs: number;
  /**
   * The generation of the partitions by which this partition was chosen: refused where it knows a
   * later one. Absent: any will do.
   */
  readonly generation?: number;
  /**
   * The events, at most {@link MAX_BATCH_EVENTS}; may be empty. Each is a JSON text: it begins with "{".
   * Packed by a caller who has their bytes, so that no text is made of them only to be written again.
   */
  readonly bodies: readonly string[] | PackedEvents;
}

export type EnqueueResult =
  | { readonly outcome: 'queued' }
  | { readonly outcome: 'duplicate'; readonly answer: string }
  | { readonly outcome: 'refused'; readonly reason: RefusalReason };

/**
 * PARTITIONS_CHANGED: routed by a generation that is over, or the partition is being given up;
 * {@link Queue.partitioning} then knows of the change, or soon will.
 */
export type RefusalReason = 'QUEUE_FULL' | 'BATCH_ID_REUSED' | 'PARTITIONS_CHANGED';

export interface ReceiveRequest {
  readonly partition: number;
  /** A fresh UUID for each new lease. */
  readonly leaseId: string;
  /** 1 to {@link MAX_BATCH_EVENTS}. */
  readonly maxEvents: number;
  readonly maxBytes: number;
  /** How long the lease lasts unless it is extended. */
  readonly leaseMs: number;
  /**
   * A suspect that came back alone may be what kills processes, so it is handed out only to a
   * worker that has nothing else in hand and asks for it with `only`; `skip` passes it by.
   */
  readonly isolated: 'skip' | 'only';
}

export interface Received {
  /** Undefined when there was nothing to hand out. */
  readonly lease?: Lease;
  /** True when a suspect waits that only an `isolated: 'only'` call gets. */
  readonly isolatedWaiting: boolean;
  /** Milliseconds until the next retry falls due; undefined when none waits. */
  readonly nextDueMs?: number;
}

/** What settling, extending and releasing need to know of a lease. */
export interface LeaseRef {
  readonly partition: number;
  readonly id: string;
  /** How many events it has. */
  readonly size: number;
}

/** Events handed out for a limited time to one caller. */
export interface Lease extends LeaseRef {
  /**
   * When it was handed out, Unix ms by the engine's clock: what {@link Delivery.firstFailureAt} can
   * be compared with. 0 where an older version made the lease.
   */
  readonly handedOutAt: number;
  readonly deliveries: readonly Delivery[];
}

/** One hand-out of an event. */
export interface Delivery {
  readonly body: string;
  /** How often a handler has failed on it before: 0 the first time. */
  readonly attempts: number;
  /** How often it was alone in a lease that expired. */
  readonly crashes: number;
  /** When it first failed, Unix ms by the engine's clock; 0 when it never did. */
  readonly firstFailureAt: number;
}

/** What became of one event of a lease that is not simply done. */
export type SettleException =
  | { readonly index: number; readonly outcome: 'retry'; readonly delayMs: number }
  | {
      readonly index: number;
      readonly outcome: 'dead';
      readonly reason: DeadReason;
      /** What went wrong, for people; at most {@link MAX_ERROR_LENGTH} characters of it are kept. */
      readonly error: string;
      /** Which handler failed. */
      readonly handler: string;
    }
  /**
   * Comes again after the delay, uncounted: neither an attempt nor a crash, nor does the time of the
   * first failure change. For an event that nobody has tried.
   */
  | { readonly index: number; readonly outcome: 'defer'; readonly delayMs: number }
  /** Next in line again, uncounted. */
  | { readonly index: number; readonly outcome: 'release' };

/** Why an event became a dead letter. Closed. */
export const DEAD_REASONS = [
  'attempts-exhausted',
  'permanent-error',
  'undecodable',
  'crashed-worker',
  'store-refused',
  'too-old',
] as const;
export type DeadReason = (typeof DEAD_REASONS)[number];

/** Characters of an error that a dead letter keeps. */
export const MAX_ERROR_LENGTH = 1_024;

export interface ReclaimLimits {
  readonly maxLeases: number;
  readonly maxCrashes: number;
}

export interface Reclaimed {
  readonly leases: number;
  readonly events: number;
  /** Events that became dead letters by it. */
  readonly dead: number;
}

/**
 * Counts of one partition. Kept by the queue itself in the same atomic steps that move events, so
 * they survive every process, and at any moment:
 *
 *     enqueued = pending + suspect + leased + delayed + processed + dead + purged
 */
export interface QueueStats {
  readonly enqueued: number;
  readonly pending: number;
  readonly suspect: number;
  readonly leased: number;
  readonly delayed: number;
  readonly processed: number;
  readonly dead: number;
  readonly purged: number;
  /** How often an event went to wait for a retry; deferred ones are not counted. */
  readonly retried: number;
  /** How many leases ran out and were taken back. */
  readonly expiredLeases: number;
  /** How many batches were answered as duplicates. */
  readonly duplicateBatches: number;
  /** How many leases are held. */
  readonly leases: number;
  /** Bytes of all events held: pending, suspect, leased, delayed and dead. */
  readonly bytes: number;
  /** The pending event that is next in line; its age is the age of the backlog. */
  readonly oldestPending?: string;
}

/** How far an acknowledged event survives: `disk` a power cut, `memory` not even a restart. */
export type Durability = 'disk' | 'bounded-loss' | 'memory' | 'unknown';

export interface QueueHealth {
  readonly durability: Durability;
  /** What the durability rests on, for people, e.g. "appendonly yes, appendfsync always". */
  readonly detail: string;
  /** What was looked at on the server, good and bad; absent where there is nothing to be set. */
  readonly findings?: readonly Finding[];
}

/**
 * Limits of the whole queue, checked before an enqueue; 0 means none. Dead letters count. Where
 * partitions lie on servers of their own, each may hold its equal share.
 */
export interface QueueLimits {
  readonly maxEvents: number;
  readonly maxBytes: number;
}
