import { messageOf } from '@event-pipeline/runtime/basics';
import { PublishError } from '../publish-error';
import type { Spill, SpilledBatch } from '../spill-port';
import type { FolderLock } from './folder-lock';
import { Segment } from './segment';
import { batchOf, doneRecord, isWhole, putHead } from './segment-format';

/** Where a batch that is not settled lies. */
export interface KeptBatch {
  readonly segment: Segment;
  readonly offset: number;
  readonly length: number;
}

export interface FileSpillParts {
  readonly folder: string;
  readonly maxBytes: number;
  readonly segmentBytes: number;
  readonly lock: FolderLock;
  /** Of earlier runs, oldest first. */
  readonly segments: Segment[];
  readonly batches: Map<string, KeptBatch>;
}

interface WaitingPut {
  readonly batch: SpilledBatch;
  readonly head: Buffer;
  readonly length: number;
  resolve(): void;
  reject(error: PublishError): void;
}

/** Most bytes that are written and flushed at once. */
const GROUP_BYTES = 8_388_608;

/**
 * An append-only log in files. Batches that come while one flush is under way share the next. A file is
 * deleted once all in it is settled, oldest first, so that no batch outlives the record that settles it;
 * where one batch holds up many files, it is moved to the end.
 */
export class FileSpill implements Spill {
  readonly #parts: FileSpillParts;
  readonly #segments: Segment[];
  readonly #batches: Map<string, KeptBatch>;
  readonly #left: readonly string[];
  #current: Segment | undefined;
  #nextNumber: number;
  #puts: WaitingPut[] = [];
  #dones: string[] = [];
  #working: Promise<void> | undefined;
  #closed = false;

  constructor(parts: FileSpillParts) {
    this.#parts = parts;
    this.#segments = parts.segments;
    this.#batches = parts.batches;
    this.#left = [...parts.batches.keys()];
    this.#nextNumber = (parts.segments.at(-1)?.number ?? 0) + 1;
  }

  append(batch: SpilledBatch): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new PublishError('CLOSED', 'the spill is closed'));
      const head = putHead(batch);
      const length = head.length + batch.bytes.length;
      this.#puts.push({ batch, head, length, resolve, reject });
      this.#work();
    });
  }

  done(batchId: string): void {
    const kept = this.#batches.get(batchId);
    if (kept === undefined) return;
    this.#batches.delete(batchId);
    kept.segment.live -= 1;
    kept.segment.liveBytes -= kept.length;
    this.#dones.push(batchId);
    this.#work();
  }

  async *recovered(): AsyncIterable<SpilledBatch> {
    for (const id of this.#left) {
      const kept = this.#batches.get(id);
      if (kept === undefined || this.#closed) continue;
      const record = await this.#read(id);
      if (record === undefined) continue;
      if (!isWhole(record)) throw new Error(`${kept.segment.path} has changed`);
      yield batchOf(record);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    while (this.#working !== undefined) await this.#working;
    if (this.#batches.size === 0) await this.#deleteAll();
    for (const segment of this.#segments) await segment.close();
    await this.#parts.lock.release();
  }

  /** All reading and writing is done here, one after the other. */
  #work(): void {
    this.#working ??= this.#writeAll().finally(() => {
      this.#working = undefined;
      if (this.#puts.length > 0 || this.#dones.length > 0) this.#work();
    });
  }

  /** Never rejects: each put hears of its own failure. */
  async #writeAll(): Promise<void> {
    // What is published in the same turn shares one flush.
    await Promise.resolve();
    while (this.#puts.length > 0 || this.#dones.length > 0) {
      const group = this.#takeGroup();
      const dones = this.#dones.splice(0);
      try {
        await this.#write(group, dones);
        for (const { resolve } of group) resolve();
      } catch (error) {
        const cause = failureOf(error);
        for (const { reject } of group) reject(cause);
        await this.#current?.cutBack();
        this.#current = undefined;
        // Without its record a settled batch comes again after a crash, which the queue knows by its id.
      }
      await this.#deleteSettled().catch(() => undefined);
    }
  }

  #takeGroup(): WaitingPut[] {
    let bytes = 0;
    let count = 0;
    for (const { length } of this.#puts) {
      if (count > 0 && bytes + length > GROUP_BYTES) break;
      bytes += length;
      count += 1;
    }
    return this.#puts.splice(0, count);
  }

  async #write(group: WaitingPut[], dones: readonly string[]): Promise<void> {
    const { maxBytes } = this.#parts;
    const moved = await this.#takeFromOldest();
    const size = group.reduce((sum, { length }) => sum + length, 0);
    if (group.length > 0 && this.#size + size > maxBytes) {
      const message = `the spill has reached its limit of ${maxBytes} bytes`;
      for (const { reject } of group.splice(0)) reject(new PublishError('SPILL_FULL', message));
    }
    const parts = [...dones.map(doneRecord)];
    // Where nothing is left, the files go, and nothing needs to be said of what was in them.
    const onlyDones = group.length === 0 && moved.length === 0;
    if (onlyDones && (this.#batches.size === 0 || parts.length === 0)) return;
    const segment = await this.#writable();
    let offset = segment.size + parts.reduce((sum, { length }) => sum + length, 0);
    const kept: [string, KeptBatch][] = [];
    const movedIds = new Set(moved.map(([id]) => id));
    const add = (id: string, records: readonly Buffer[]) => {
      const length = records.reduce((sum, { length: bytes }) => sum + bytes, 0);
      kept.push([id, { segment, offset, length }]);
      parts.push(...records);
      offset += length;
    };
    for (const [id, record] of moved) add(id, [record]);
    for (const { batch, head } of group) add(batch.id, [head, batch.bytes]);
    if (parts.length > 0) await segment.append(parts, kept.length > 0);
    for (const [id, place] of kept) {
      // Settled while it was moved: the record that says so comes behind it.
      if (movedIds.has(id) && !this.#batches.has(id)) continue;
      this.#place(id, place);
    }
  }

  #place(id: string, place: KeptBatch): void {
    const before = this.#batches.get(id);
    if (before !== undefined) {
      before.segment.live -= 1;
      before.segment.liveBytes -= before.length;
    }
    this.#batches.set(id, place);
    place.segment.live += 1;
    place.segment.liveBytes += place.length;
  }

  /** What is still open in the oldest file, where that holds up much more that is settled. */
  async #takeFromOldest(): Promise<[string, Buffer][]> {
    const oldest = this.#segments[0];
    if (oldest === undefined || oldest === this.#current) return [];
    if (this.#size < this.#parts.maxBytes / 2 || oldest.liveBytes > oldest.size / 2) return [];
    const moved: [string, Buffer][] = [];
    for (const [id, { segment, offset, length }] of this.#batches) {
      if (segment !== oldest) continue;
      const record = await oldest.read(offset, length);
      // It may have been settled meanwhile.
      if (isWhole(record) && this.#batches.has(id)) moved.push([id, record]);
    }
    return moved;
  }

  async #writable(): Promise<Segment> {
    if (this.#current !== undefined && this.#current.size >= this.#parts.segmentBytes) {
      if (this.#current.live > 0) await this.#current.close();
      this.#current = undefined;
    }
    if (this.#current === undefined) {
      this.#current = await Segment.create(this.#parts.folder, this.#nextNumber);
      this.#nextNumber += 1;
      this.#segments.push(this.#current);
    }
    return this.#current;
  }

  async #deleteSettled(): Promise<void> {
    for (;;) {
      const oldest = this.#segments[0];
      if (oldest === undefined || oldest.live > 0 || oldest === this.#current) return;
      await oldest.delete();
      this.#segments.shift();
    }
  }

  async #deleteAll(): Promise<void> {
    while (this.#segments[0] !== undefined) {
      await this.#segments[0].delete().catch(() => undefined);
      this.#segments.shift();
    }
  }

  /** The record of a batch; undefined where it is settled. Not while files are moved or deleted. */
  async #read(id: string): Promise<Buffer | undefined> {
    while (this.#working !== undefined) await this.#working;
    const kept = this.#batches.get(id);
    if (kept === undefined) return undefined;
    const reading = kept.segment.read(kept.offset, kept.length);
    this.#working = reading.then(
      () => undefined,
      () => undefined,
    );
    try {
      return await reading;
    } finally {
      this.#working = undefined;
      if (this.#puts.length > 0 || this.#dones.length > 0) this.#work();
    }
  }

  get #size(): number {
    return this.#segments.reduce((sum, { size }) => sum + size, 0);
  }
}

const NO_ROOM = new Set(['ENOSPC', 'EDQUOT']);

function failureOf(error: unknown): PublishError {
  const code = (error as NodeJS.ErrnoException | null)?.code ?? '';
  const message = `writing to the spill failed: ${messageOf(error)}`;
  if (NO_ROOM.has(code)) return new PublishError('SPILL_FULL', message, { cause: error });
  return new PublishError('SPILL_FAILED', message, {
    cause: error,
    mayBeQueued: true,
    sent: false,
  });
}
