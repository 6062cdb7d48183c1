/** Says whether a transaction of this process is under way. */
type IsBusy = () => boolean;

const guarded = new Set<IsBusy>();

/**
 * Sees to it that this process can end. A transaction waits in a thread of its own until the event
 * loop has run its work; when the process exits instead, lmdb 3.5.6 waits for that thread for ever,
 * and every other process for the lock that it holds. So a process that exits in the middle of a
 * transaction is killed, last of all: LMDB takes that, undoes the transaction and frees the lock.
 *
 * A queue that is closed first is never affected. Returns the undo.
 */
export function guardExit(isBusy: IsBusy): () => void {
  if (guarded.size === 0) process.on('exit', killIfBusy);
  guarded.add(isBusy);
  return () => {
    guarded.delete(isBusy);
    if (guarded.size === 0) process.off('exit', killIfBusy);
  };
}

function killIfBusy(): void {
  for (const isBusy of guarded) if (isBusy()) process.kill(process.pid, 'SIGKILL');
}
