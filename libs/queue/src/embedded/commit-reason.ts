import type { Clock } from '@event-pipeline/runtime';

/** lmdb rejects the reason of a failed commit right after the commit; this only bounds the wait. */
const REASON_TIMEOUT_MS = 1_000;
/** Given to abort(), which without a reason makes an exception, stack and all, for every call. */
const DONE = 'done';

/**
 * The reason of a failed commit. lmdb 3.5.6 rejects the transaction with "Commit failed" and puts
 * the reason in a second promise, `commitError`, which it rejects a moment later. Nobody else
 * knows that promise: not attended to here, and at once, it would be an unhandled rejection and
 * end the process.
 */
export async function commitReason(error: unknown, clock: Clock): Promise<unknown> {
  if (typeof error !== 'object' || error === null || !('commitError' in error)) return error;
  const reason = Promise.resolve(error.commitError).then(
    () => error,
    (why: unknown) => why,
  );
  const limit = new AbortController();
  const late = clock.sleep(REASON_TIMEOUT_MS, limit.signal).then(() => error);
  return Promise.race([reason, late]).finally(() => limit.abort(DONE));
}
