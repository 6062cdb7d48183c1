import type { PublishError } from './publish-error';

/**
 * What a publisher tells while it works, for counts and messages. Called often and on the way of every
 * batch, so an observer must be quick; what it throws is dropped.
 */
export interface PublisherObserver {
  /** A batch was written for the first time. */
  onSent?(events: number): void;
  /** A batch was written again, under its id. */
  onResent?(events: number): void;
  /** A batch was answered. */
  onAnswered?(answer: BatchAnswer): void;
  /** A call failed, or there is no connection. */
  onTrouble?(trouble: PublisherTrouble): void;
  /** Events that an earlier run had spilled were refused: nobody else hears of it. */
  onRecoveredFailed?(events: number, error: PublishError): void;
}

export interface BatchAnswer {
  readonly accepted: number;
  readonly rejected: number;
  /** The queue had the batch already: this is its first answer repeated. */
  readonly duplicate: boolean;
  /** From when the batch was first written, ms. */
  readonly latencyMs: number;
}

export interface PublisherTrouble {
  readonly kind: 'call-failed' | 'not-connected';
  readonly collector: string;
  /** What happened, in one printable line. */
  readonly text: string;
  /** Events that were given up. */
  readonly givenUp: number;
  /** Events that will be sent again. */
  readonly again: number;
  /** Sending to this collector is pointless until somebody changes something. */
  readonly hopeless: boolean;
}
