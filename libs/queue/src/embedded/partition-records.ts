import { PipelineError } from '@event-pipeline/runtime';
import type { Key, RootDatabase } from 'lmdb';
import type { DeadReason } from '../queue';
import { EventChunk } from './event-chunk';
import { PartitionKeys, type RangedKind } from './layout';
import { emptyState, parseState, type PartitionState } from './partition-state';

/** Events `from` up to, not including, `to` of a chunk. */
export interface Run {
  readonly chunk: number;
  readonly from: number;
  readonly to: number;
}

/** A run in a lease; `due` says that it came from the retries that waited until then. */
export interface LeasedRun extends Run {
  readonly due?: number;
}

/**
 * A lease. `origin` says where events that are released go: each run to its place among the pending
 * events or retries, or all to their group of suspects, or back to being isolated.
 */
export interface LeaseRecord {
  readonly origin:
    | { readonly kind: 'queue' }
    | { readonly kind: 'group'; readonly group: number; readonly part: number }
    | { readonly kind: 'isolated'; readonly group: number };
  /** Absent where an older version made the lease. */
  readonly handedOutAt?: number;
  readonly deadline: number;
  readonly size: number;
  readonly bytes: number;
  readonly runs: readonly LeasedRun[];
}

export interface DeadLetter {
  readonly body: string;
  readonly reason: DeadReason;
  readonly error: string;
  readonly handler: string;
  readonly attempts: number;
  readonly crashes: number;
  readonly firstFailureAt: number;
  readonly lastFailureAt: number;
}

export interface BatchRecord {
  readonly expiresAt: number;
  readonly digest: string;
  readonly answer: string;
}

export interface Entry {
  /** What follows the kind in the key. */
  readonly place: readonly Key[];
  readonly value: Buffer;
}

const KIND_END = 3;

/**
 * The records of one partition, typed. Writes only within a transaction: each is part of the one
 * that is under way. Reads see the transaction's own writes, or outside of one the last commit.
 */
export class PartitionRecords {
  readonly keys: PartitionKeys;
  private readonly chunks = new Map<number, EventChunk>();

  constructor(
    private readonly db: RootDatabase<Buffer, Key>,
    queue: string,
    readonly partition: number,
  ) {
    this.keys = new PartitionKeys(queue, partition);
  }

  state(): PartitionState {
    const value = this.view(this.keys.state);
    return value === undefined ? emptyState() : parseState(value.toString());
  }

  putState(state: PartitionState): void {
    this.putJson(this.keys.state, state);
  }

  /** The chunk, read once a transaction: a chunk never changes. */
  chunk(chunk: number): EventChunk {
    let read = this.chunks.get(chunk);
    if (read === undefined) {
      const value = this.view(this.keys.chunk(chunk));
      if (value === undefined) throw corrupt(`chunk ${chunk} is missing`);
      read = new EventChunk(Buffer.from(value));
      this.chunks.set(chunk, read);
    }
    return read;
  }

  putChunk(chunk: number, value: Buffer, events: number): void {
    this.put(this.keys.chunk(chunk), value);
    this.putNumber(this.keys.held(chunk), events);
  }

  /** Says that events of a chunk are gone; removes it with the last. */
  dropFromChunk(chunk: number, events: number): void {
    const held = this.number(this.keys.held(chunk)) - events;
    if (held < 0) throw corrupt(`chunk ${chunk} has fewer events than were leased`);
    if (held > 0) return this.putNumber(this.keys.held(chunk), held);
    this.remove(this.keys.held(chunk));
    this.remove(this.keys.chunk(chunk));
  }

  lease(id: string): LeaseRecord | undefined {
    const value = this.view(this.keys.lease(id));
    return value === undefined ? undefined : (JSON.parse(value.toString()) as LeaseRecord);
  }

  batch(id: string): BatchRecord | undefined {
    const value = this.view(this.keys.batch(id));
    if (value === undefined) return undefined;
    const text = value.toString('utf8', 8);
    const split = text.indexOf('\n');
    return {
      expiresAt: value.readDoubleLE(0),
      digest: text.slice(0, split),
      answer: text.slice(split + 1),
    };
  }

  putBatch(id: string, { expiresAt, digest, answer }: BatchRecord): void {
    const value = Buffer.from(`01234567${digest}\n${answer}`);
    value.writeDoubleLE(expiresAt, 0);
    this.put(this.keys.batch(id), value);
  }

  /**
   * The entries of a kind in their order; with `upTo` only those numbered no higher. Nothing may be
   * written until the last one that is wanted was read.
   */
  *each(kind: RangedKind, upTo?: number): Generator<Entry> {
    for (const { key, value } of this.db.getRange(this.keys.range(kind, upTo))) {
      yield { place: (key as Key[]).slice(KIND_END), value: asBuffer(value) };
    }
  }

  /** The first entries of a kind, at most `limit`. */
  first(kind: RangedKind, limit: number, upTo?: number): Entry[] {
    const entries: Entry[] = [];
    for (const entry of this.each(kind, upTo)) {
      if (entries.push(entry) >= limit) break;
    }
    return entries;
  }

  private number(key: Key): number {
    const value = this.view(key);
    if (value === undefined) throw corrupt(`${String(key)} is missing`);
    return value.readUInt32LE(0);
  }

  putNumber(key: Key, number: number): void {
    const value = Buffer.allocUnsafe(4);
    value.writeUInt32LE(number, 0);
    this.put(key, value);
  }

  putJson(key: Key, json: unknown): void {
    this.put(key, Buffer.from(JSON.stringify(json)));
  }

  put(key: Key, value: Buffer): void {
    this.db.putSync(key, value);
  }

  remove(key: Key): void {
    this.db.removeSync(key);
  }

  /** A value as long as nothing else is read: lmdb has one buffer for all of them. */
  private view(key: Key): Buffer | undefined {
    const value = this.db.getBinaryFast(key);
    return value && asBuffer(value);
  }
}

/**
 * lmdb's type says Buffer, what comes may be a mere Uint8Array, and of its one large buffer only the
 * length says how much of it is the value.
 */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** The numbers of an entry's place. */
export function numbersOf({ place }: Entry): number[] {
  return place.map((part) => {
    if (typeof part !== 'number') throw corrupt(`${String(place)} is no place`);
    return part;
  });
}

/** The number that is an entry's value. */
export function numberIn({ value }: Entry): number {
  return value.readUInt32LE(0);
}

export function parseRuns({ value }: Entry): Run[] {
  return JSON.parse(value.toString()) as Run[];
}

export function sizeOfRuns(runs: readonly Run[]): number {
  return runs.reduce((size, { from, to }) => size + to - from, 0);
}

function corrupt(what: string): PipelineError {
  return new PipelineError('QUEUE_CORRUPT', `the queue's data is damaged: ${what}`);
}
