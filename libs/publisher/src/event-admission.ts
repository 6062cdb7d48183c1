import { messageOf } from '@event-pipeline/runtime/basics';
import { checkSize, measureEvent, type EventDefaults, type MeasuredEvent } from './batch-encoder';
import type { Batcher } from './batcher';
import type { Owner } from './claim';
import { PublishError } from './publish-error';
import type { PublishableEvent } from './publishable-event';
import type { SendWindow } from './send-window';

export interface EventAdmissionOptions {
  readonly window: SendWindow;
  readonly batcher: Batcher;
  readonly defaults: EventDefaults;
  readonly maxRequestBytes: number;
  /** Whether an event without room is refused, in place of waiting for some. */
  readonly refusesWhenFull: boolean;
  /** Called whenever something has a deadline. */
  readonly watch: () => void;
}

/** Where events come in: each is measured, takes its room or waits for it, and goes into a batch. */
export class EventAdmission {
  #isClosed = false;

  constructor(private readonly options: EventAdmissionOptions) {}

  /** Nothing comes in any more; what waits for room still may. */
  close(): void {
    this.#isClosed = true;
  }

  /** @throws PublishError INVALID_EVENT, TOO_LARGE */
  measure(event: PublishableEvent): MeasuredEvent {
    let measured: MeasuredEvent;
    try {
      measured = measureEvent(event, this.options.defaults);
    } catch (error) {
      if (error instanceof PublishError) throw error;
      const message = `the event cannot be read: ${messageOf(error)}`;
      throw new PublishError('INVALID_EVENT', message, { cause: error });
    }
    checkSize(measured, this.options.maxRequestBytes);
    return measured;
  }

  /** The event is in a batch, or settled; a promise of that where there is no room yet. */
  submit(
    event: MeasuredEvent,
    owner: Owner,
    index: number,
    deadline: number,
  ): Promise<void> | undefined {
    const { window, refusesWhenFull, watch } = this.options;
    if (this.#isClosed) {
      owner.failed(index, 1, closedError());
      return undefined;
    }
    if (window.isOpen) {
      this.#enter(event, owner, index, deadline);
      return undefined;
    }
    if (refusesWhenFull) {
      owner.failed(index, 1, fullError());
      return undefined;
    }
    // It may wait long: from now on it must not change with what the caller does to its data.
    const kept = { ...event, data: event.data.slice() };
    return new Promise((resolve) => {
      const stands = window.wait({
        bytes: event.bytes,
        deadline,
        enter: () => {
          this.#enter(kept, owner, index, deadline);
          resolve();
        },
        refuse: (why) => {
          owner.failed(index, 1, why === 'late' ? lateError() : closedError());
          resolve();
        },
      });
      if (!stands) {
        owner.failed(index, 1, fullError());
        resolve();
      }
      watch();
    });
  }

  /** Takes a place in the line for room, and resolves when it is at its head. */
  turn(deadline: number): Promise<void> {
    const { window, watch } = this.options;
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(closedError());
      const stands = window.wait({
        bytes: 0,
        deadline,
        enter: resolve,
        refuse: (why) => reject(why === 'late' ? lateError() : closedError()),
      });
      if (!stands) reject(fullError());
      watch();
    });
  }

  #enter(event: MeasuredEvent, owner: Owner, index: number, deadline: number): void {
    const { window, batcher, watch } = this.options;
    window.take(1, event.bytes);
    batcher.add(event, owner, index, deadline);
    watch();
  }
}

function closedError(): PublishError {
  return new PublishError('CLOSED', 'the publisher is closed');
}

function fullError(): PublishError {
  const message = 'too many events are not acknowledged, and there is no room for this one';
  return new PublishError('WINDOW_FULL', message);
}

function lateError(): PublishError {
  return new PublishError('DEADLINE_EXCEEDED', 'there was no room for the event within its time');
}
