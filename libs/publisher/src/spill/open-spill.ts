import { mkdir, readdir } from 'node:fs/promises';
import { messageOf } from '@event-pipeline/runtime/basics';
import { PublishError } from '../publish-error';
import type { Spill } from '../spill-port';
import { FileSpill, type KeptBatch } from './file-spill';
import { FolderLock } from './folder-lock';
import { Segment, segmentNumber } from './segment';
import { readSegment } from './segment-format';

export interface SpillOptions {
  /** A folder of its own on a local disk; made where it is missing. One publisher at a time. */
  readonly folder: string;
  /** Most bytes on disk, at least 1 MiB. Default: 256 MiB. Keep it well above `maxUnacknowledgedBytes`. */
  readonly maxBytes?: number;
  /** Told what is wrong with files of earlier runs: how much of which cannot be read. */
  readonly onDamage?: (message: string) => void;
}

const DEFAULT_MAX_BYTES = 268_435_456;
const MIN_MAX_BYTES = 1_048_576;
const MAX_SEGMENT_BYTES = 16_777_216;
/** A full spill has at least so many segments, so that the room of settled batches comes back in parts. */
const SEGMENTS = 8;

/**
 * Opens the spill of a folder, and finds what an earlier run has left there.
 *
 * @throws PublishError INVALID_OPTIONS; SPILL_FAILED where the folder cannot be used, or another publisher
 *   uses it.
 */
export async function openSpill(options: SpillOptions): Promise<Spill> {
  const { folder, maxBytes = DEFAULT_MAX_BYTES, onDamage = () => undefined } = options;
  const problems: string[] = [];
  if (typeof folder !== 'string' || folder === '') problems.push('folder: expected a path');
  if (!(Number.isFinite(maxBytes) && maxBytes >= MIN_MAX_BYTES)) {
    problems.push(`maxBytes: expected at least ${MIN_MAX_BYTES}, got ${String(maxBytes)}`);
  }
  if (problems.length > 0) throw new PublishError('INVALID_OPTIONS', problems.join('\n'));
  let lock: FolderLock | undefined;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    lock = await FolderLock.take(folder);
    const segments = await readFolder(folder, onDamage);
    const segmentBytes = Math.min(MAX_SEGMENT_BYTES, Math.floor(maxBytes / SEGMENTS));
    return new FileSpill({ folder, maxBytes, segmentBytes, lock, ...segments });
  } catch (error) {
    await lock?.release();
    if (error instanceof PublishError) throw error;
    const message = `the spill in ${folder} cannot be used: ${messageOf(error)}`;
    throw new PublishError('SPILL_FAILED', message, { cause: error });
  }
}

/** The segments of earlier runs, oldest first, and the batches in them that are not settled. */
async function readFolder(folder: string, onDamage: (message: string) => void) {
  const names = await readdir(folder);
  const numbers = names.map(segmentNumber).filter((number) => number !== undefined);
  numbers.sort((a, b) => a - b);
  const segments: Segment[] = [];
  const batches = new Map<string, KeptBatch>();
  for (const number of numbers) {
    const [segment, content] = await Segment.existing(folder, number);
    segments.push(segment);
    const { records, tornBytes } = readSegment(content);
    for (const record of records) {
      // A batch that was moved has its last place.
      batches.delete(record.id);
      if (record.kind === 'put') {
        batches.set(record.id, { segment, offset: record.offset, length: record.length });
      }
    }
    if (tornBytes > 0) {
      onDamage(
        `${segment.path}: the last ${tornBytes} bytes are no whole record, and are left out`,
      );
    }
  }
  for (const { segment, length } of batches.values()) {
    segment.live += 1;
    segment.liveBytes += length;
  }
  return { segments, batches };
}
