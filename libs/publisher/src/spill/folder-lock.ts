import { readFileSync } from 'node:fs';
import { readFile, unlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { PublishError } from '../publish-error';

const TRIES = 3;

/** The folders that this process has open. */
const ours = new Set<string>();

/**
 * Keeps two publishers from using one folder, on one machine: by a file that names the process. The file of a
 * process that is gone is passed over. Does not see processes of other machines or containers.
 */
export class FolderLock {
  private constructor(private readonly folder: string) {}

  /** @throws PublishError SPILL_FAILED where another publisher uses the folder. */
  static async take(given: string): Promise<FolderLock> {
    const folder = resolve(given);
    if (ours.has(folder)) throw inUse(folder, process.pid);
    ours.add(folder);
    try {
      for (let tries = 0; tries < TRIES; tries += 1) {
        const holder = await tryLock(folder);
        if (holder === undefined) return new FolderLock(folder);
        if (isRunning(holder)) throw inUse(folder, holder.pid);
        await unlink(lockPath(folder)).catch(() => undefined);
      }
      throw inUse(folder, undefined);
    } catch (error) {
      ours.delete(folder);
      throw error;
    }
  }

  async release(): Promise<void> {
    ours.delete(this.folder);
    await unlink(lockPath(this.folder)).catch(() => undefined);
  }
}

interface Holder {
  readonly pid: number;
  /** When it started, as the system counts; a number that is used again has another one. */
  readonly startedAt: string;
}

/** Who holds the lock; undefined where it is ours now. */
async function tryLock(folder: string): Promise<Holder | undefined> {
  const us: Holder = { pid: process.pid, startedAt: startOf(process.pid) };
  try {
    await writeFile(lockPath(folder), JSON.stringify(us), { flag: 'wx', mode: 0o600 });
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  try {
    const { pid, startedAt } = JSON.parse(await readFile(lockPath(folder), 'utf8')) as Holder;
    return { pid, startedAt };
  } catch {
    // Gone, or half written by a process that was killed at it.
    return { pid: -1, startedAt: '' };
  }
}

function isRunning({ pid, startedAt }: Holder): boolean {
  // In a container, the process before us had the same number.
  if (!Number.isSafeInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return startOf(pid) === startedAt;
}

/** Empty where the system does not tell. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // After the name, which may contain anything, in parentheses; the 22nd field in all.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function lockPath(folder: string): string {
  return join(folder, 'lock.json');
}

function inUse(folder: string, pid: number | undefined): PublishError {
  const who = pid === undefined ? 'another publisher' : `a publisher of process ${pid}`;
  return new PublishError('SPILL_FAILED', `the spill in ${folder} is in use by ${who}`);
}
