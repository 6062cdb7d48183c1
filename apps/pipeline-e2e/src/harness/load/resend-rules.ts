import { status, type ServiceError } from '@grpc/grpc-js';
import {
  decodeStatusDetails,
  STATUS_DETAILS_KEY,
  type StreamSummary,
} from '@event-pipeline/contracts';

/** What a failed call means to a client, by the table of docs/errors.md, written anew for the tests. */
export interface FailedCall {
  readonly again: boolean;
  /** What the collector asked to wait, ms. */
  readonly askedMs?: number;
  /** Of a stream: what became of its first events. */
  readonly summary?: StreamSummary;
  /** Whether nothing of it was queued, surely; only where it is not to be sent again. */
  readonly definite: boolean;
  /** Whether a collector that works may end a valid call like this, or a broken connection may. */
  readonly allowed: boolean;
  readonly text: string;
}

export function readFailedCall(error: ServiceError): FailedCall {
  const { retryDelayMs, summary } = detailsOf(error);
  return {
    again: isToBeSentAgain(error, retryDelayMs !== undefined),
    ...(retryDelayMs !== undefined && { askedMs: retryDelayMs }),
    ...(summary !== undefined && { summary }),
    definite: DEFINITE.has(error.code),
    allowed: isAllowed(error),
    text: `${status[error.code]}: ${error.details}`,
  };
}

const DEFINITE = new Set([
  status.INVALID_ARGUMENT,
  status.RESOURCE_EXHAUSTED,
  status.UNIMPLEMENTED,
]);

/** Statuses that docs/errors.md explains; of INTERNAL only what a broken connection becomes. */
function isAllowed({ code, details }: ServiceError): boolean {
  return code === status.INTERNAL ? details.includes('RST_STREAM') : ALLOWED.has(code);
}

const ALLOWED = new Set([
  ...DEFINITE,
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.CANCELLED,
]);

function detailsOf(error: ServiceError) {
  const metadata: ServiceError['metadata'] | undefined = error.metadata;
  const [trailer] = metadata?.get(STATUS_DETAILS_KEY) ?? [];
  return Buffer.isBuffer(trailer) ? decodeStatusDetails(trailer) : {};
}

function isToBeSentAgain({ code, details }: ServiceError, hasHint: boolean): boolean {
  switch (code) {
    case status.UNAVAILABLE:
    case status.DEADLINE_EXCEEDED:
    case status.CANCELLED:
      return true;
    case status.RESOURCE_EXHAUSTED:
      return hasHint;
    case status.INTERNAL:
      return details.includes('RST_STREAM');
    default:
      return false;
  }
}
