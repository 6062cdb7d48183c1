import { existsSync, readFileSync } from 'node:fs';

/**
 * Whether a process runs. False also for a dead one that nobody has reaped yet, as under a
 * container's own init.
 */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (!existsSync('/proc/self/stat')) return true;
  const stat = `/proc/${pid}/stat`;
  return existsSync(stat) && !readFileSync(stat, 'utf8').includes(') Z ');
}
