import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { guardOrphan } from '@event-pipeline/runtime';
import type { Scratch } from '../harness/scratch';
import { until } from '../harness/until';

/**
 * From now on a system call of a running process fails or waits, as strace's `inject` says, e.g.
 * `fdatasync:error=EIO`. Returns what ends it.
 */
export async function injectSystemCallFault(
  pid: number,
  fault: string,
  scratch: Scratch,
): Promise<() => Promise<void>> {
  const call = fault.split(':')[0] ?? fault;
  const args = ['-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${fault}`];
  const strace = spawn('strace', [...args, '-p', String(pid)], { stdio: 'ignore' });
  const ended = once(strace, 'exit');
  const guard = guardOrphan(strace.pid ?? -1, { signal: 'SIGKILL' });
  const stop = async () => {
    strace.kill('SIGKILL');
    await ended;
    guard.release();
  };
  const forget = scratch.afterwards(stop);
  // A process that ended of the fault was traced.
  await until('the process is traced', () => {
    const status = `/proc/${pid}/status`;
    if (!existsSync(status)) return true;
    return new RegExp(`TracerPid:\\s+${strace.pid}\\b|State:\\s+Z`).test(
      readFileSync(status, 'utf8'),
    );
  });
  return async () => {
    forget();
    await stop();
  };
}
