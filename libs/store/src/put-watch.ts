import { PipelineError } from '@event-pipeline/runtime';

/** How a caller follows a put, and gives it up. */
export interface PutWatch {
  /** Once it aborts, no further statement begins; one that is under way may still store its rows. */
  readonly signal?: AbortSignal | undefined;
  /** Called for every sign of life of the store: each answer to a statement, of any outcome. */
  readonly onAnswer?: (() => void) | undefined;
}

/** @throws PipelineError STORE_UNAVAILABLE where the put was given up */
export function throwIfGivenUp({ signal }: PutWatch): void {
  if (signal?.aborted) throw givenUp(signal);
}

export function givenUp(signal: AbortSignal): PipelineError {
  return new PipelineError('STORE_UNAVAILABLE', 'its answer is no longer waited for', {
    cause: signal.reason,
  });
}
