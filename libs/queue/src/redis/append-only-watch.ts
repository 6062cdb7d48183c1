import type { RedisFacts } from './redis-facts';

/**
 * Knows which servers have an append-only file that holds everything.
 *
 * With `CONFIG SET appendonly yes` Redis says yes at once, and writes into a temporary file until its
 * first rewrite has ended: a crash before that loses everything. Nothing that a server tells sets this
 * rewrite apart from a later one, which leaves the old file in place: `aof_base_size` is 0 for a server
 * that began with appendonly yes, and keeps its value where appendonly was off in between. So a
 * rewrite counts as harmless only where the file of the same process was seen whole before.
 *
 * What it cannot see: appendonly off and on again between two looks.
 */
export class AppendOnlyWatch {
  /** By server, the run of the process whose file was whole. */
  private readonly whole = new Map<string, string>();

  /** Notes what was seen now. Whether the file holds everything. */
  see(server: string, { role, runId, appendOnlyFile }: RedisFacts): boolean {
    // A replica that synchronises begins a new file, too.
    if (runId === undefined || role !== 'master' || appendOnlyFile?.enabled !== true) {
      this.whole.delete(server);
      return false;
    }
    if (!appendOnlyFile.isRewriting) this.whole.set(server, runId);
    return this.whole.get(server) === runId;
  }
}
