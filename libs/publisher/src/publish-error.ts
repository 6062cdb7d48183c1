/** Every code that an error of the publisher can bear: a closed list. docs/publisher.md explains each. */
export const PUBLISH_ERROR_CODES = [
  /** The options contradict themselves or are out of their limits; the message names every problem. */
  'INVALID_OPTIONS',
  /** A member of the event has a type that cannot be sent. Never sent. */
  'INVALID_EVENT',
  /** The event alone is larger than a request may be. Never sent. */
  'TOO_LARGE',
  /** The collector refused this event, and would refuse it again: see `rejection`. */
  'REJECTED',
  /** The collector refused the call, and would refuse it again: see `status`. */
  'REFUSED',
  /** There is no room, in the window or in the line before it. Never sent. */
  'WINDOW_FULL',
  /** The event was not acknowledged in time. */
  'DEADLINE_EXCEEDED',
  /** The publisher was closed first. */
  'CLOSED',
  /** There is no room for the event on disk. Never sent. */
  'SPILL_FULL',
  /** The event could not be written to disk. Never sent. */
  'SPILL_FAILED',
  /** The collector's answer makes no sense, or the publisher has a bug. */
  'INTERNAL',
] as const;

export type PublishErrorCode = (typeof PUBLISH_ERROR_CODES)[number];

/** Why the collector refused an event. */
export interface EventRejection {
  /** The name of a RejectionCode of the contract without its prefix, e.g. "INVALID_TYPE". */
  readonly code: string;
  /** For people; the words may change. */
  readonly message: string;
  /** The event's id as the collector read it. */
  readonly eventId: string;
}

export interface PublishErrorDetails {
  readonly mayBeQueued?: boolean;
  readonly sent?: boolean;
  readonly rejection?: EventRejection;
  readonly status?: string;
  readonly cause?: unknown;
}

/** Why an event was not acknowledged. Act on the code, never on the message. */
export class PublishError extends Error {
  override readonly name: string = 'PublishError';
  /**
   * Whether the event may be in the queue all the same, or come into it later: it was on its way when
   * it was given up, or lies in a spill that is sent at the next start.
   */
  readonly mayBeQueued: boolean;
  /** Whether the event was written to a collector at least once. */
  readonly sent: boolean;
  /** With REJECTED. */
  readonly rejection: EventRejection | undefined;
  /** With REFUSED: the name of the gRPC status, e.g. "PERMISSION_DENIED". */
  readonly status: string | undefined;

  constructor(
    readonly code: PublishErrorCode,
    message: string,
    details: PublishErrorDetails = {},
  ) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.mayBeQueued = details.mayBeQueued ?? false;
    this.sent = details.sent ?? this.mayBeQueued;
    this.rejection = details.rejection;
    this.status = details.status;
  }
}
