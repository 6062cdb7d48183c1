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
  /** The events that become dead letters, as far as they could be decoded. */
  readonly deadEvents: readonly E[];
  /** Given back, because they had not been started or not been finished when the lease ended. */
  readonly released: number;
  readonly firstFailure?: FailureSample;
  /** How many events failed, by handler and type: the first {@link MAX_FAILURE_GROUPS} of them. */
  readonly failures: readonly FailureGroup[];
}

/** A lease may hold hundreds of types; its log line names so many. */
export const MAX_FAILURE_GROUPS = 10;

/** Failures of one handler with one type of event. */
export interface FailureGroup {
  readonly handler: string;
  readonly type: string;
  readonly events: number;
}

/** One failure of a lease, named in its log line. */
export interface FailureSample {
  /** Empty where no handler had a part in it. */
  readonly handler: string;
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
  private readonly deadEvents: E[] = [];
  private readonly samples: FailureSample[] = [];

  constructor(private readonly size: number) {
    this.exceptions = new Array<SettleException | undefined>(size);
    this.doneEvents = new Array<E | undefined>(size);
    this.isDone = new Uint8Array(size);
  }

  done(index: number, event: E): void {
    this.isDone[index] = 1;
    this.doneEvents[index] = event;
  }

  /** @param event undefined where it could not be decoded */
  failed(exception: SettleException, sample: FailureSample, event?: E): void {
    this.exceptions[exception.index] = exception;
    this.samples.push(sample);
    if (exception.outcome === 'dead' && event !== undefined) this.deadEvents.push(event);
  }

  deferred(exception: SettleException): void {
    this.exceptions[exception.index] = exception;
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
    const failures = grouped([], this.samples);
    return summed(exceptions, {
      done,
      doneIndexes,
      deadEvents: [...this.deadEvents],
      failures,
      ...firstOf(this.samples[0]),
    });
  }
}

/** The outcome with another end for those of its done events for which one is given. */
export function revised<E>(
  outcome: LeaseOutcome<E>,
  /** @param position in `done`; `index` in the lease */
  endOf: (position: number, index: number) => SettleException | undefined,
  samples: readonly FailureSample[] = [],
): LeaseOutcome<E> {
  const exceptions = [...outcome.exceptions];
  const deadEvents = [...outcome.deadEvents];
  const done: E[] = [];
  const doneIndexes: number[] = [];
  outcome.done.forEach((event, position) => {
    const index = outcome.doneIndexes[position] as number;
    const exception = endOf(position, index);
    if (exception !== undefined) {
      if (exception.outcome === 'dead') deadEvents.push(event);
      exceptions.push(exception);
      return;
    }
    done.push(event);
    doneIndexes.push(index);
  });
  exceptions.sort((a, b) => a.index - b.index);
  const failures = grouped(outcome.failures, samples);
  const first = firstOf(outcome.firstFailure ?? samples[0]);
  return summed(exceptions, { done, doneIndexes, deadEvents, failures, ...first });
}

function firstOf(sample: FailureSample | undefined): { firstFailure?: FailureSample } {
  return sample === undefined ? {} : { firstFailure: sample };
}

function grouped(
  before: readonly FailureGroup[],
  samples: readonly FailureSample[],
): readonly FailureGroup[] {
  if (samples.length === 0) return before;
  const keyOf = ({ handler, type }: { handler: string; type: string }) => `${handler}\n${type}`;
  const groups = new Map(before.map((group) => [keyOf(group), group]));
  for (const sample of samples) {
    const key = keyOf(sample);
    const group = groups.get(key);
    if (group === undefined && groups.size === MAX_FAILURE_GROUPS) continue;
    const { handler, type } = sample;
    groups.set(key, { handler, type, events: (group?.events ?? 0) + 1 });
  }
  return [...groups.values()];
}

function summed<E>(
  exceptions: readonly SettleException[],
  known: Pick<LeaseOutcome<E>, 'done' | 'doneIndexes' | 'deadEvents' | 'failures' | 'firstFailure'>,
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
  return { ...known, exceptions, retried, deferred, dead, released };
}
