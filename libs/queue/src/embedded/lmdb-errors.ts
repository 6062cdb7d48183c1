import { PipelineError, messageOf, type ErrorCode } from '@event-pipeline/runtime';

/** Codes of LMDB (negative) and of the operating system that mean "no room". */
const NO_ROOM = new Set<unknown>([
  -30_792 /* MDB_MAP_FULL */, 27 /* EFBIG */, 28 /* ENOSPC */, 122 /* EDQUOT */,
]);

/** Codes that mean that the file is not, or no longer, what LMDB wrote. */
const DAMAGED = new Set<unknown>([
  -30_797 /* MDB_PAGE_NOTFOUND */, -30_796 /* MDB_CORRUPTED */, -30_794 /* MDB_VERSION_MISMATCH */,
  -30_793 /* MDB_INVALID */, -30_784 /* MDB_INCOMPATIBLE */,
]);

/** What the decoding of a damaged record throws: JSON that is none, a read past the end. */
const DECODING_FAILURES = new Set<unknown>(['SyntaxError', 'RangeError']);

const FATAL = -30_795; /* MDB_PANIC: the environment is unusable until it is opened anew */
const EIO = 5;

export class NoRoomError extends PipelineError {
  constructor(cause: unknown) {
    super('QUEUE_UNAVAILABLE', 'there is no room on the disk of the queue', { cause });
  }
}

/**
 * A file of the queue is not at its path any more: what is written there now, nobody finds again.
 * The call may be repeated where the folder is watched, and then opened anew.
 */
export class LostFileError extends PipelineError {
  constructor(
    readonly file: string,
    /** Whether it is the file with the events. */
    readonly isData: boolean,
  ) {
    const loss = isData ? 'the events that were in it may be lost' : 'it is no lock any more';
    super(
      'QUEUE_UNAVAILABLE',
      `"${file}" was deleted, moved or replaced while it was in use: ${loss}; ` +
        'stop every program that uses the folder before its files are touched',
    );
  }
}

export function isFatal(error: unknown): boolean {
  return codeOf(error) === FATAL;
}

/**
 * What a failed transaction means to the caller.
 *
 * @param diskFull whether the disk was found full after the failure: a write that is cut short
 *   for want of room comes back as a bare input/output error
 */
export function toPipelineError(error: unknown, diskFull: boolean): PipelineError {
  if (error instanceof PipelineError) return error;
  const code = codeOf(error);
  if (NO_ROOM.has(code) || (code === EIO && diskFull)) return new NoRoomError(error);
  const [what, text] = judge(error, code);
  return new PipelineError(what, `${text}: ${messageOf(error)}`, { cause: error });
}

function judge(error: unknown, code: unknown): [ErrorCode, string] {
  if (DAMAGED.has(code)) return ['QUEUE_CORRUPT', "the queue's data is damaged"];
  if (DECODING_FAILURES.has(nameOf(error))) {
    return ['QUEUE_CORRUPT', 'a record of the queue is damaged'];
  }
  if (typeof code === 'number') return ['QUEUE_UNAVAILABLE', 'the queue could not be written'];
  return ['INTERNAL', 'the queue engine failed'];
}

function nameOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'name' in error ? error.name : undefined;
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
