import { crc32 } from 'node:zlib';
import type { SpilledBatch } from '../spill-port';

/** First bytes of every segment. */
export const SEGMENT_HEAD = Buffer.from('EVSPILL1', 'latin1');

/** Length and checksum before the body of each record. */
const FRAME_BYTES = 8;
const ID_BYTES = 36;
const KIND = { put: 1, done: 2 } as const;
const DONE_BYTES = 1 + ID_BYTES;
const PUT_HEAD_BYTES = 1 + ID_BYTES + 4;

/** What a segment tells, record by record. */
export type SegmentRecord =
  | { readonly kind: 'put'; readonly id: string; readonly offset: number; readonly length: number }
  | { readonly kind: 'done'; readonly id: string };

export interface SegmentContent {
  readonly records: readonly SegmentRecord[];
  /** Bytes at its end that are no whole record. */
  readonly tornBytes: number;
}

/** The head of the record that keeps a batch; the request itself follows it in the file. */
export function putHead({ id, events, bytes }: SpilledBatch): Buffer {
  const head = Buffer.allocUnsafe(FRAME_BYTES + PUT_HEAD_BYTES);
  head.writeUInt8(KIND.put, FRAME_BYTES);
  writeId(head, id);
  head.writeUInt32LE(events, FRAME_BYTES + 1 + ID_BYTES);
  head.writeUInt32LE(PUT_HEAD_BYTES + bytes.length, 0);
  head.writeUInt32LE(crc32(bytes, crc32(head.subarray(FRAME_BYTES))), 4);
  return head;
}

/** The record that says that a batch is settled. */
export function doneRecord(id: string): Buffer {
  const record = Buffer.allocUnsafe(FRAME_BYTES + DONE_BYTES);
  record.writeUInt8(KIND.done, FRAME_BYTES);
  writeId(record, id);
  record.writeUInt32LE(DONE_BYTES, 0);
  record.writeUInt32LE(crc32(record.subarray(FRAME_BYTES)), 4);
  return record;
}

/** The batch of a record that `readSegment` has found. */
export function batchOf(record: Buffer): SpilledBatch {
  const body = record.subarray(FRAME_BYTES);
  return {
    id: idOf(body),
    events: body.readUInt32LE(1 + ID_BYTES),
    bytes: body.subarray(PUT_HEAD_BYTES),
  };
}

/** Whether these bytes are one whole record. */
export function isWhole(record: Buffer): boolean {
  return lengthAt(record, 0) === record.length;
}

/**
 * Everything that can be read of a segment, up to the first record that is not whole: what a crash has
 * left half written.
 */
export function readSegment(content: Buffer): SegmentContent {
  const head = content.subarray(0, SEGMENT_HEAD.length);
  if (!head.equals(SEGMENT_HEAD)) return { records: [], tornBytes: content.length };
  const records: SegmentRecord[] = [];
  let offset = SEGMENT_HEAD.length;
  for (;;) {
    const length = lengthAt(content, offset);
    if (length === undefined) break;
    const body = content.subarray(offset + FRAME_BYTES, offset + length);
    const id = idOf(body);
    records.push(body[0] === KIND.put ? { kind: 'put', id, offset, length } : { kind: 'done', id });
    offset += length;
  }
  return { records, tornBytes: content.length - offset };
}

/** The length of the whole record at this place; undefined where there is none. */
function lengthAt(content: Buffer, offset: number): number | undefined {
  if (content.length - offset < FRAME_BYTES + DONE_BYTES) return undefined;
  const bodyLength = content.readUInt32LE(offset);
  const end = offset + FRAME_BYTES + bodyLength;
  if (bodyLength < DONE_BYTES || end > content.length) return undefined;
  const body = content.subarray(offset + FRAME_BYTES, end);
  if (crc32(body) !== content.readUInt32LE(offset + 4)) return undefined;
  const isKnown =
    (body[0] === KIND.put && bodyLength >= PUT_HEAD_BYTES) ||
    (body[0] === KIND.done && bodyLength === DONE_BYTES);
  return isKnown ? end - offset : undefined;
}

function writeId(record: Buffer, id: string): void {
  if (
    record.write(id, FRAME_BYTES + 1, ID_BYTES, 'latin1') !== ID_BYTES ||
    id.length !== ID_BYTES
  ) {
    throw new Error(`a batch id must have ${ID_BYTES} characters`);
  }
}

function idOf(body: Buffer): string {
  return body.toString('latin1', 1, 1 + ID_BYTES);
}
