import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import {
  encodeStatusDetails,
  STATUS_DETAILS_KEY,
  type StreamSummary,
} from '@event-pipeline/contracts';
import { PipelineError, type ErrorCode } from '@event-pipeline/runtime';

interface WireStatus {
  readonly status: status;
  /** Present: the client may try again after this long. Absent: never with the same request. */
  readonly retryDelayMs?: number;
  /** Said instead of the error's own message, which may speak of our insides. */
  readonly message?: string;
}

/** What each error of ours becomes on the wire: the only such table. See docs/errors.md. */
export const STATUS_OF: Readonly<Record<ErrorCode, WireStatus>> = {
  INVALID_ARGUMENT: { status: status.INVALID_ARGUMENT },
  BATCH_ID_REUSED: { status: status.INVALID_ARGUMENT },
  UNAUTHENTICATED: { status: status.UNAUTHENTICATED },
  PERMISSION_DENIED: { status: status.PERMISSION_DENIED },
  AUTH_UNAVAILABLE: { status: status.UNAVAILABLE, retryDelayMs: 1_000 },
  TOO_LARGE: { status: status.RESOURCE_EXHAUSTED },
  QUOTA_EXCEEDED: { status: status.RESOURCE_EXHAUSTED, retryDelayMs: 500 },
  OVERLOADED: { status: status.RESOURCE_EXHAUSTED, retryDelayMs: 250 },
  QUEUE_FULL: {
    status: status.RESOURCE_EXHAUSTED,
    retryDelayMs: 1_000,
    message: 'the queue is full; try again when workers have caught up',
  },
  QUEUE_UNAVAILABLE: {
    status: status.UNAVAILABLE,
    retryDelayMs: 1_000,
    message: 'the queue does not answer; try again',
  },
  QUEUE_NOT_DURABLE: {
    status: status.UNAVAILABLE,
    retryDelayMs: 5_000,
    message:
      'the queue is not as durable as it has to be: the operator finds why on /readyz of the collector',
  },
  DRAINING: {
    status: status.UNAVAILABLE,
    retryDelayMs: 100,
    message: 'this collector is shutting down; try again',
  },
  QUEUE_CORRUPT: { status: status.INTERNAL, message: 'internal error' },
  LEASE_LOST: { status: status.INTERNAL, message: 'internal error' },
  STORE_UNAVAILABLE: { status: status.INTERNAL, message: 'internal error' },
  CONFIG_INVALID: { status: status.INTERNAL, message: 'internal error' },
  INTERNAL: { status: status.INTERNAL, message: 'internal error' },
};

/** Whether the client learns only that there was an error, so that the log has to say what it was. */
export function isInternal({ code }: PipelineError): boolean {
  return STATUS_OF[code].status === status.INTERNAL;
}

/** What a status says beyond the error. */
export interface StatusContext {
  /** Of a StreamEvents call that ends early: what became of the prefix it covers. */
  readonly summary?: StreamSummary;
  /** Which part of a call failed; stands before the message. */
  readonly about?: string;
}

/**
 * The gRPC error for anything that was thrown. Its message is written for the client's developer
 * and says nothing of our insides.
 */
export function toServiceError(
  error: unknown,
  { summary, about }: StatusContext = {},
): ServiceError {
  const known = PipelineError.from(error);
  const { status: code, retryDelayMs, message: fixed } = STATUS_OF[known.code];
  const message = `${about === undefined ? '' : `${about}: `}${fixed ?? known.message}`;
  const metadata = new Metadata();
  if (retryDelayMs !== undefined || summary !== undefined) {
    const details = encodeStatusDetails(code, message, {
      ...(retryDelayMs === undefined ? {} : { retryDelayMs }),
      ...(summary === undefined ? {} : { summary }),
    });
    metadata.set(STATUS_DETAILS_KEY, details);
  }
  return Object.assign(new Error(message), { code, details: message, metadata });
}
