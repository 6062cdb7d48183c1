/** What callers of a publisher give and get. */

/** What is known of an event that is in the queue. */
export interface Receipt {
  readonly eventId: string;
  /** The queue had its batch already: this is the first answer repeated. */
  readonly duplicate: boolean;
}

export interface PublishOptions {
  /** Instead of the publisher's own. */
  readonly deadlineMs?: number;
}

export interface WaitOptions {
  /** How long to wait; default: `closeTimeoutMs`. */
  readonly timeoutMs?: number;
  /** Aborts to wait no longer. */
  readonly signal?: AbortSignal;
}

export interface CloseOptions extends WaitOptions {
  /** 'drop' gives up at once what is not on its way, and only awaits answers. Default: 'send'. */
  readonly unsent?: 'send' | 'drop';
}

/** Figures of a publisher. The counts are of its whole life. */
export interface PublisherStats {
  readonly unacknowledgedEvents: number;
  readonly unacknowledgedBytes: number;
  /** Calls of publish() that wait for room. */
  readonly waitingEvents: number;
  readonly acceptedEvents: number;
  /** Refused one by one by the collector. */
  readonly rejectedEvents: number;
  /** Given up for whatever other reason. */
  readonly failedEvents: number;
  /** Connections that wait: for the collector, or for the time it asked for. */
  readonly waitingConnections: number;
}
