import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readSync,
  statSync,
  statfsSync,
} from 'node:fs';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { PipelineError, makeFolder, messageOf } from '@event-pipeline/runtime';

export const DATA_FILE = 'data.mdb';
export const LOCK_FILE = 'lock.mdb';
const ROOM_FOR_NEW_FILES = 1_048_576;

/**
 * Makes the folder and finds out whether LMDB can use it. Not left to LMDB: on a file that is not
 * its own, and on some other failures to open, lmdb 3.5.6 ends the process with a segmentation fault.
 *
 * @throws PipelineError CONFIG_INVALID, or QUEUE_CORRUPT where there is another file; one line each
 */
export function checkFolder(path: string): void {
  const [data, lock] = [join(path, DATA_FILE), join(path, LOCK_FILE)];
  try {
    makeFolder(path);
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    for (const file of [data, lock]) if (existsSync(file)) checkFile(file);
  } catch (error) {
    throw unusableFolder(path, error);
  }
  if (existsSync(data) && !hasHeaders(data)) {
    throw new PipelineError(
      'QUEUE_CORRUPT',
      `"${data}" is damaged, or is no queue: name another folder or restore it from a copy`,
    );
  }
  if (!existsSync(data) || !existsSync(lock)) checkRoom(path);
}

export function unusableFolder(path: string, error: unknown): PipelineError {
  return new PipelineError(
    'CONFIG_INVALID',
    `the folder "${path}" cannot hold a queue (${messageOf(error)}): ` +
      'name one that this user may write to, as in QUEUE_URL=embedded:./data',
    { cause: error },
  );
}

function checkFile(file: string): void {
  if (!statSync(file).isFile()) throw new Error(`"${file}" is not a file`);
  accessSync(file, constants.R_OK | constants.W_OK);
}

/** New files are mapped into memory; on a full disk, writing there ends the process. */
function checkRoom(path: string): void {
  const { bavail, bsize } = statfsSync(path);
  if (bavail * bsize < ROOM_FOR_NEW_FILES) {
    throw unusableFolder(path, new Error('the disk is full'));
  }
}

/** LMDB's two header pages: magic number, version of the format, size of a page. */
const HEADER = { magic: 24, version: 28, pageSize: 48, bytes: 64 };
const MAGIC = 0xbeefc0de;
const VERSION = 2;

/** Whether both header pages are there; also true of an empty file, which is a new one. */
function hasHeaders(file: string): boolean {
  const descriptor = openSync(file, 'r');
  try {
    if (fstatSync(descriptor).size === 0) return true;
    const first = readHeader(descriptor, 0);
    if (first === undefined) return false;
    return readHeader(descriptor, first.pageSize) !== undefined;
  } finally {
    closeSync(descriptor);
  }
}

function readHeader(descriptor: number, position: number): { pageSize: number } | undefined {
  const header = Buffer.alloc(HEADER.bytes);
  if (readSync(descriptor, header, 0, HEADER.bytes, position) < HEADER.bytes) return undefined;
  if (endianness() === 'BE') header.swap32();
  const pageSize = header.readUInt32LE(HEADER.pageSize);
  const sound =
    header.readUInt32LE(HEADER.magic) === MAGIC &&
    (header.readUInt32LE(HEADER.version) & 0xffff) === VERSION &&
    pageSize >= 256 &&
    pageSize <= 65_536;
  return sound ? { pageSize } : undefined;
}
