import type { DeadReason, SettleException } from '@event-pipeline/queue';

/** What became of the events of one lease, so far as it is known. */
export interface LeaseOutcome<E> {
  /** For the settle call; an event not named in it is done. */
  readonly exceptions: readonly SettleException[];
  /** The events that are done, in their order. */
  readonly done: readonly E[];
  /** For each of them its position in the lease. */
  readonly doneIndexes: readonly number[];
  readonly retried: number;
  /** Put off without having been tried, since their handler keeps failing. */
  readonly deferred: number;
  readonly dead: Readonly<Partial<Record<DeadReason, number>>>;
  /** Given back, because they had not been started or not been finished when the lease ended. */
  readonly released: number;
  readonly firstFailure?: FailureSample;
}

/** One failure of a lease, named in its log line. */
export interface FailureSample {
  readonly eventId: string;
  readonly type: string;
  readonly attempt: number;
  readonly error: string;
}

/**
 * Collects the verdicts on the events of one lease. An event without a verdict is given back, so
 * nothing can be settled as done by being forgotten.
 */
export class LeaseVerdicts<E> {
  private readonly exceptions: (SettleException | undefined)[];
  private readonly doneEvents: (E | undefined)[];
  private readonly isDone: Uint8Array;
  private firstFailure: FailureSample | undefined;

  constructor(private readonly size: number) {
    this.exceptions = new Array<SettleException | undefined>(size);
    this.doneEvents = new Array<E | undefined>(size);
    this.isDone = new Uint8Array(size);
  }

  done(index: number, event: E): void {
    this.isDone[index] = 1;
    this.doneEvents[index] = event;
  }

  failed(exception: SettleException, sample: FailureSample): void {
    this.exceptions[exception.index] = exception;
    this.firstFailure ??= sample;
  }

  /** The outcome as it stands; verdicts that come later do not change it. */
  outcome(): LeaseOutcome<E> {
    const exceptions: SettleException[] = [];
    const done: E[] = [];
    const doneIndexes: number[] = [];
    for (let index = 0; index < this.size; index++) {
      if (this.isDone[index] === 1) {
        done.push(this.doneEvents[index] as E);
        doneIndexes.push(index);
      } else {
        exceptions.push(this.exceptions[index] ?? { index, outcome: 'release' });
      }
    }
    return summed(exceptions, done, doneIndexes, this.firstFailure);
  }
}

/** The outcome with another end for those of its done events for which one is given. */
export function revised<E>(
  outcome: LeaseOutcome<E>,
  /** @param position in `done`; `index` in the lease */
  endOf: (position: number, index: number) => SettleException | undefined,
  sample?: FailureSample,
): LeaseOutcome<E> {
  const exceptions = [...outcome.exceptions];
  const done: E[] = [];
  const doneIndexes: number[] = [];
  outcome.done.forEach((event, position) => {
    const index = outcome.doneIndexes[position] as number;
    const exception = endOf(position, index);
    if (exception !== undefined) return void exceptions.push(exception);
    done.push(event);
    doneIndexes.push(index);
  });
  exceptions.sort((a, b) => a.index - b.index);
  return summed(exceptions, done, doneIndexes, outcome.firstFailure ?? sample);
}

function summed<E>(
  exceptions: readonly SettleException[],
  done: readonly E[],
  doneIndexes: readonly number[],
  firstFailure: FailureSample | undefined,
): LeaseOutcome<E> {
  const dead: Partial<Record<DeadReason, number>> = {};
  let retried = 0;
  let deferred = 0;
  let released = 0;
  for (const exception of exceptions) {
    if (exception.outcome === 'retry') retried++;
    else if (exception.outcome === 'defer') deferred++;
    else if (exception.outcome === 'release') released++;
    else dead[exception.reason] = (dead[exception.reason] ?? 0) + 1;
  }
  return {
    exceptions,
    done,
    doneIndexes,
    retried,
    deferred,
    dead,
    released,
    ...(firstFailure === undefined ? {} : { firstFailure }),
  };
}
