import type { Key } from 'lmdb';

/**
 * How a queue lies in LMDB. One database a folder; several queues may share it. Keys are arrays in
 * lmdb's ordered encoding, so entries of one kind lie together, numbers in their order.
 *
 * Events are stored in chunks, a batch (or a run of small ones) under one key, written once and never
 * changed. What moves from state to state is not the events but runs: "events `from` up to, not
 * including, `to` of chunk c". So an enqueue is one large put, a receive writes no body, and a
 * settled chunk is one remove. An event whose counts change (a retry, a crash) is copied into a new
 * chunk. Chunk numbers rise, and a run keeps its place under (chunk, from): events that are given
 * back are in their old order again by themselves.
 *
 * key (q: queue name, p: partition)   value
 * [q, 'queue']                        format, number of partitions now and lately: QueueRecord, JSON
 * [q, p, 'state']                     counters, numbering, wake-up sequence: PartitionState, JSON;
 *                                     written by every transition
 * [q, p, 'chunk', c]                  the events of chunk c: event-chunk.ts
 * [q, p, 'held', c]                   how many of them are still held (u32): at 0 both are removed
 * [q, p, 'pending', c, from]          `to` (u32) of a pending run; first key = next in line
 * [q, p, 'delayed', due, c, from]     `to` (u32) of a run that waits for a retry until `due` (ms)
 * [q, p, 'group', g, part]            suspects that are handed out together: runs, JSON; what is
 *                                     left of a group that was taken in part has a higher `part`
 * [q, p, 'isolated', g]               a suspect that came back alone: its run, JSON
 * [q, p, 'lease', id]                 LeaseRecord, JSON
 * [q, p, 'deadline', ms, id]          empty; leases by the time they run out
 * [q, p, 'dead', n]                   DeadLetterRecord, JSON; n is its id
 * [q, p, 'batch', id]                 a batch that was queued: expiry (ms, f64), digest, \n, answer
 * [q, p, 'expiry', ms, n]             batch ids, JSON, to be forgotten from `ms` on
 */
export const FORMAT = 1;

/** Sorts after every number. */
const END = '~';

export interface KeyRange {
  readonly start: Key[];
  readonly end: Key[];
}

/** Both included; absent: without a bound. */
export interface NumberRange {
  readonly from?: number;
  readonly upTo?: number;
}

export function queueKey(queue: string): Key {
  return [queue, 'queue'];
}

/** The keys of one partition. */
export class PartitionKeys {
  readonly state: Key;

  constructor(
    private readonly queue: string,
    private readonly partition: number,
  ) {
    this.state = [queue, partition, 'state'];
  }

  chunk(chunk: number): Key {
    return [this.queue, this.partition, 'chunk', chunk];
  }

  held(chunk: number): Key {
    return [this.queue, this.partition, 'held', chunk];
  }

  pending(chunk: number, from: number): Key {
    return [this.queue, this.partition, 'pending', chunk, from];
  }

  delayed(due: number, chunk: number, from: number): Key {
    return [this.queue, this.partition, 'delayed', due, chunk, from];
  }

  group(group: number, part: number): Key {
    return [this.queue, this.partition, 'group', group, part];
  }

  isolated(group: number): Key {
    return [this.queue, this.partition, 'isolated', group];
  }

  lease(id: string): Key {
    return [this.queue, this.partition, 'lease', id];
  }

  deadline(ms: number, id: string): Key {
    return [this.queue, this.partition, 'deadline', ms, id];
  }

  dead(letter: number): Key {
    return [this.queue, this.partition, 'dead', letter];
  }

  batch(id: string): Key {
    return [this.queue, this.partition, 'batch', id];
  }

  expiry(ms: number, entry: number): Key {
    return [this.queue, this.partition, 'expiry', ms, entry];
  }

  /** Every key of a kind, or those whose first number is within `from` and `upTo`, whole numbers. */
  range(kind: RangedKind, { from, upTo }: NumberRange = {}): KeyRange {
    const kinds: Key[] = [this.queue, this.partition, kind];
    return {
      start: from === undefined ? kinds : [...kinds, from],
      end: [...kinds, upTo === undefined ? END : upTo + 1],
    };
  }
}

/** Kinds that are read in order; the number comes right after the kind. */
export type RangedKind =
  'pending' | 'delayed' | 'group' | 'isolated' | 'deadline' | 'dead' | 'expiry';
