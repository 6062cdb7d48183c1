import type { Owner } from './claim';
import type { PublishError } from './publish-error';

/** An event of publishMany() that was not acknowledged. */
export interface PublishFailure {
  /** Its number in what was given, from 0. */
  readonly index: number;
  readonly error: PublishError;
}

export interface PublishManyOptions {
  /** Instead of the publisher's own. */
  readonly deadlineMs?: number;
  /** Called for every event that was not acknowledged; the result names only the first ones. */
  readonly onFailure?: (failure: PublishFailure) => void;
  /**
   * Called once the last event was read, and there was room for it. Who wants events of several calls to
   * keep their order makes the next call then.
   */
  readonly onRead?: () => void;
}

/** What became of the events of publishMany(): events = accepted + failed. */
export interface PublishManyResult {
  readonly events: number;
  readonly accepted: number;
  readonly failed: number;
  /** The first 100 that were not acknowledged, in the order in which it was known. */
  readonly failures: readonly PublishFailure[];
}

const KEPT_FAILURES = 100;

/** Counts what becomes of many events: nothing is kept for each of them. */
export class ManyEvents implements Owner {
  events = 0;
  #accepted = 0;
  #failed = 0;
  #allTaken = false;
  readonly #failures: PublishFailure[] = [];
  readonly #onFailure: PublishManyOptions['onFailure'];
  readonly #onRead: PublishManyOptions['onRead'];
  readonly #settled: Promise<void>;
  #settle: () => void = () => undefined;

  constructor({ onFailure, onRead }: PublishManyOptions) {
    this.#onFailure = onFailure;
    this.#onRead = onRead;
    this.#settled = new Promise((resolve) => (this.#settle = resolve));
  }

  accepted(_first: number, count: number): void {
    this.#accepted += count;
    this.#look();
  }

  failed(first: number, count: number, error: PublishError): void {
    this.#failed += count;
    for (let index = first; index < first + count; index += 1) {
      const failure = { index, error };
      if (this.#failures.length < KEPT_FAILURES) this.#failures.push(failure);
      else if (this.#onFailure === undefined) break;
      this.#call(() => this.#onFailure?.(failure));
    }
    this.#look();
  }

  /** No event will be added. Resolves when each one is settled. */
  async result(): Promise<PublishManyResult> {
    this.#allTaken = true;
    this.#call(() => this.#onRead?.());
    this.#look();
    await this.#settled;
    return {
      events: this.events,
      accepted: this.#accepted,
      failed: this.#failed,
      failures: this.#failures,
    };
  }

  #look(): void {
    if (this.#allTaken && this.#accepted + this.#failed === this.events) this.#settle();
  }

  /** A caller's mistake in its own callback must not cost other callers their answers. */
  #call(callback: () => void): void {
    try {
      callback();
    } catch {
      // See above.
    }
  }
}
