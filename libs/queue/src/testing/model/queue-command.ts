import { isDeepStrictEqual } from 'node:util';
import { PipelineError } from '@event-pipeline/runtime';
import type fc from 'fast-check';
import type { Queue, Received } from '../../queue';
import type { QueueModel } from './queue-model';
import { STEP_MS } from './queue-model';
import type { QueueUnderModel } from './queue-under-model';

export const WORKERS = 3;

/**
 * A call, or a mishap, of one worker or producer. Does it to the engine and to the reference queue,
 * and compares the answers and then the counts.
 */
export abstract class QueueCommand implements fc.AsyncCommand<QueueModel, QueueUnderModel> {
  check(model: Readonly<QueueModel>): boolean {
    return this.isPossible?.(model) ?? true;
  }

  async run(model: QueueModel, real: QueueUnderModel): Promise<void> {
    await this.act(model, real);
    await expectSameCounts(model, real);
  }

  /** Where a command needs something to act on; absent: always. */
  protected isPossible?(model: Readonly<QueueModel>): boolean;

  protected abstract act(model: QueueModel, real: QueueUnderModel): Promise<void>;

  /** What a counterexample shows. */
  abstract toString(): string;
}

/** Workers are spread over the users of the queue. */
export function userOf(real: QueueUnderModel, worker: number): Queue {
  return real.users[worker % 2 === 0 ? 0 : 1];
}

type Answer<T> = { readonly value: T } | { readonly code: string };

/** Makes the same call to both; answers or error codes must be the same. Returns the answer. */
export async function expectSame<T>(
  model: QueueModel,
  user: Queue,
  call: (queue: Queue) => Promise<T>,
  expectAlike: (actual: T, expected: T) => void = expectEqual,
): Promise<Answer<T>> {
  const expected = await answerOf(call(model.reference));
  const actual = await answerOf(call(user));
  if ('value' in expected && 'value' in actual) expectAlike(actual.value, expected.value);
  else expectEqual(actual, expected);
  return actual;
}

async function answerOf<T>(call: Promise<T>): Promise<Answer<T>> {
  try {
    return { value: await call };
  } catch (error) {
    if (error instanceof PipelineError) return { code: error.code };
    throw error;
  }
}

/** The same but for the times of day, which only the engine knows. */
export function expectSameLease(actual: Received, expected: Received): void {
  const { nextDueMs = -1, ...rest } = actual;
  const { nextDueMs: expectedDueMs = -1, ...expectedRest } = expected;
  expectEqual(withoutTimes(rest), withoutTimes(expectedRest));
  const isDue = nextDueMs >= 0;
  const isNear = nextDueMs <= expectedDueMs && nextDueMs > expectedDueMs - STEP_MS / 2;
  expectEqual({ nextDueMs, isDue, isNear }, { nextDueMs, isDue: expectedDueMs >= 0, isNear: true });
}

/** As toEqual, which is slow where it passes. */
export function expectEqual(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected);
}

function withoutTimes({ lease, ...rest }: Received) {
  if (lease === undefined) return rest;
  const deliveries = lease.deliveries.map(({ firstFailureAt, ...delivery }) => {
    return { ...delivery, hasFailed: firstFailureAt > 0 };
  });
  const { handedOutAt, ...leased } = lease;
  return { ...rest, lease: { ...leased, isDated: handedOutAt > 0, deliveries } };
}

async function expectSameCounts(model: QueueModel, real: QueueUnderModel): Promise<void> {
  const counts = await real.users[0].stats(0);
  const { pending, suspect, leased, delayed, processed, dead, purged } = counts;
  const accounted = pending + suspect + leased + delayed + processed + dead + purged;
  expectEqual({ ...counts, accounted }, { ...counts, accounted: counts.enqueued });
  expectEqual(counts, await model.reference.stats(0));
}
