import type { PublishError } from './publish-error';

/** Who wants to know what became of events. Called once for each event, in any order. */
export interface Owner {
  accepted(first: number, count: number, duplicate: boolean): void;
  failed(first: number, count: number, error: PublishError): void;
}

/** Consecutive events of one batch that have one owner and one deadline. */
export interface Claim {
  readonly owner: Owner;
  /** The number of its first event as the owner counts. */
  readonly first: number;
  count: number;
  /** By the monotonic clock. */
  readonly deadline: number;
  told: boolean;
}
