import { status, type StatusObject } from '@grpc/grpc-js';
import {
  RejectionCode,
  STATUS_DETAILS_KEY,
  decodeStatusDetails,
  type StatusDetails,
  type StreamSummary,
} from '@event-pipeline/contracts';
import { escapeUnprintable, type Random } from '@event-pipeline/runtime/basics';

/**
 * What to do with the events of a call that failed: send them `again`, give them up and go on with
 * the `next` ones, or `stop` the run since every other call would fail in the same way.
 */
export type FailureAction = 'again' | 'next' | 'stop';

export interface CallFailure {
  readonly action: FailureAction;
  /** True where events that no summary covers may be in the queue all the same. */
  readonly ambiguous: boolean;
  /** What the collector asked to wait at least. */
  readonly retryDelayMs?: number;
  /** Of a stream: what became of the prefix that it covers. */
  readonly summary?: StreamSummary;
  /** Status name and message, in one printable line. */
  readonly text: string;
}

/** Refused before anything was read. */
const NEVER_STORED = new Set([
  status.UNAUTHENTICATED,
  status.PERMISSION_DENIED,
  status.UNIMPLEMENTED,
]);

/** Reads what a failed call means, by the table of docs/errors.md. */
export function readFailure(error: StatusObject, call: 'stream' | 'unary'): CallFailure {
  const details = detailsOf(error);
  const action = actionOf(error, details);
  return {
    action,
    ambiguous: !isDefinite(error.code, details, call),
    ...details,
    text: escapeUnprintable(`${status[error.code] ?? `status ${error.code}`}: ${error.details}`),
  };
}

function detailsOf(error: StatusObject): StatusDetails {
  // Errors that grpc-js makes itself may lack metadata, whatever the type says.
  const metadata: StatusObject['metadata'] | undefined = error.metadata;
  const [trailer] = metadata?.get(STATUS_DETAILS_KEY) ?? [];
  return Buffer.isBuffer(trailer) ? decodeStatusDetails(trailer) : {};
}

function actionOf(error: StatusObject, details: StatusDetails): FailureAction {
  switch (error.code) {
    case status.UNAVAILABLE:
    case status.DEADLINE_EXCEEDED:
    case status.CANCELLED:
      return 'again';
    case status.INTERNAL:
      // A connection that was cut, not a bug of the collector.
      return error.details.includes('RST_STREAM') ? 'again' : 'stop';
    case status.RESOURCE_EXHAUSTED:
      return details.retryDelayMs === undefined ? 'next' : 'again';
    case status.INVALID_ARGUMENT:
      return 'next';
    default:
      return 'stop';
  }
}

/** Whether what the answer does not cover is surely not in the queue. */
function isDefinite(code: status, details: StatusDetails, call: 'stream' | 'unary'): boolean {
  if (NEVER_STORED.has(code)) return true;
  if (call === 'stream') return details.summary !== undefined;
  return code === status.INVALID_ARGUMENT || code === status.RESOURCE_EXHAUSTED;
}

const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 5_000;

/**
 * How long to wait before sending again: what the collector asked for and up to a fifth more, or a
 * time that doubles with each failure in a row (`failures` from 1) and is spread, so that producers
 * that failed together do not come back together.
 */
export function retryDelayMs(failures: number, asked: number | undefined, random: Random): number {
  if (asked !== undefined) return asked * (1 + random.next() / 5);
  const full = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1));
  return full * (0.5 + random.next() / 2);
}

/** "INVALID_TYPE" for REJECTION_CODE_INVALID_TYPE; a number where the collector is newer than this. */
export function codeName(code: RejectionCode): string {
  const name: string | undefined = RejectionCode[code];
  return name === undefined ? `code ${String(code)}` : name.replace(/^REJECTION_CODE_/, '');
}
