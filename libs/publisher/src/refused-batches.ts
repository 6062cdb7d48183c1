import { status } from '@grpc/grpc-js';
import type { Batch } from './batch';
import type { CallFailure } from './failure-rules';

/**
 * Which batches of a call that failed are given up, of those that were written and not answered. Marks of
 * the others whether they may be in the queue all the same, and whether they have to be sent alone.
 */
export function refusedBatches(
  failure: CallFailure,
  code: status,
  written: readonly Batch[],
): readonly Batch[] {
  const first = written.slice(0, 1);
  const others = written.slice(1);
  if (failure.action === 'next') {
    if (code === status.RESOURCE_EXHAUSTED && others.length > 0) {
      // grpc-js ends the stream at a message that is too large, and leaves out answers of those before.
      for (const batch of written) {
        batch.ambiguous = true;
        batch.alone = true;
      }
      return [];
    }
    for (const batch of others) batch.ambiguous = true;
    return first;
  }
  if (failure.ambiguous) for (const batch of written) batch.ambiguous = true;
  if (failure.action !== 'stop') return [];
  return failure.ambiguous ? first : written;
}
