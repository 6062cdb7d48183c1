import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WHOLE_SUITE } from './fault-scale';

/** What a test needs of the machine beyond the servers that `npm test` sees to. */
export interface Need {
  /** What is missing where it is not met, for the summary. */
  readonly reason: string;
  isMet(): boolean;
}

/** Too slow for `npm test`. */
export const wholeSuite: Need = {
  reason: 'only in npm run test:faults',
  isMet: () => WHOLE_SUITE,
};

/** A file system of a size of the test's own. */
export const tmpfs: Need = {
  reason: 'no tmpfs can be mounted here: it needs root',
  isMet: () => {
    const folder = mkdtempSync(join(tmpdir(), 'tmpfs-probe-'));
    const mounted = succeeds('mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder);
    if (mounted) succeeds('umount', folder);
    rmSync(folder, { recursive: true, force: true });
    return mounted;
  },
};

/** System calls of another process that fail or wait as the test says. */
export const strace: Need = {
  reason: 'strace is not here, or may not trace',
  isMet: () => succeeds('strace', '-f', '-e', 'inject=fsync:delay_enter=1', 'true'),
};

/** Networks of the test's own, with packet filters. */
export const networkNamespaces: Need = {
  reason: 'no network namespace can be made here: it needs unshare and iptables',
  isMet: () => succeeds('unshare', '-Urn', 'iptables', '-L'),
};

/**
 * A test that runs where everything it needs is there, and otherwise is skipped under a title that
 * says why: "… [skipped: reason]".
 */
export function itNeeding(
  needs: readonly Need[],
  title: string,
  run: () => Promise<void>,
  limitMs?: number,
): void {
  const missing = needs.find((need) => !need.isMet());
  if (missing === undefined) it(title, run, limitMs);
  else it.skip(`${title} [skipped: ${missing.reason}]`, run, limitMs);
}

function succeeds(program: string, ...args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore', timeout: 10_000 }).status === 0;
}
