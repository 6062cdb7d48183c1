import { isInstance, messageOf } from './thrown-value';

/**
 * Every code an error of this project can bear: a closed list. docs/errors.md says what each means
 * to its reader; the collector's status-mapping.ts says what it becomes on the wire.
 */
export const ERROR_CODES = [
  'CONFIG_INVALID',
  'INVALID_ARGUMENT',
  'TOO_LARGE',
  'BATCH_ID_REUSED',
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
  'AUTH_UNAVAILABLE',
  'QUOTA_EXCEEDED',
  'OVERLOADED',
  'QUEUE_FULL',
  'QUEUE_UNAVAILABLE',
  'QUEUE_NOT_DURABLE',
  'QUEUE_CORRUPT',
  'LEASE_LOST',
  'STORE_UNAVAILABLE',
  'DRAINING',
  'INTERNAL',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** An error whose cause is known well enough to act on: by its code, never by its message. */
export class PipelineError extends Error {
  override readonly name: string = 'PipelineError';

  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }

  /** The error itself where it is a PipelineError, else one with code INTERNAL and it as cause. */
  static from(error: unknown): PipelineError {
    if (isInstance(error, PipelineError)) return error;
    return new PipelineError('INTERNAL', messageOf(error), { cause: error });
  }
}
