import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PipelineError, messageOf } from '@event-pipeline/runtime';
import { LogFile } from './log-file';

/** The folder that holds queue and logs, for one quickstart at a time. */
export interface DataFolder {
  readonly path: string;
  readonly logs: string;
  /** @throws PipelineError CONFIG_INVALID where it cannot be written. */
  openLog(name: string): LogFile;
  /** Lets another quickstart use it. Safe to call twice. */
  release(): void;
}

const IN_USE_BY = 'in-use-by.pid';

/** @throws PipelineError CONFIG_INVALID where it cannot be written or another one uses it. */
export function openDataFolder(path: string): DataFolder {
  const logs = join(path, 'logs');
  const mark = join(path, IN_USE_BY);
  orComplain(path, () => {
    mkdirSync(logs, { recursive: true });
    takeMark(mark, path);
  });
  return {
    path,
    logs,
    openLog: (name) => orComplain(logs, () => new LogFile(join(logs, `${name}.log`))),
    release: () => rmSync(mark, { force: true }),
  };
}

function orComplain<T>(path: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (error instanceof PipelineError) throw error;
    const problem = `The data folder ${path} cannot be written: ${messageOf(error)}`;
    throw new PipelineError('CONFIG_INVALID', problem, { cause: error });
  }
}

/** Writes this process into the mark, unless a quickstart that still runs stands there. */
function takeMark(mark: string, folder: string): void {
  for (let attempt = 1; ; attempt += 1) {
    try {
      writeFileSync(mark, `${process.pid}\n`, { flag: 'wx' });
      return;
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'EEXIST' || attempt > 1) throw error;
    }
    const owner = Number(readFileSync(mark, 'utf8'));
    if (Number.isInteger(owner) && owner > 0 && isQuickstart(owner)) {
      throw new PipelineError(
        'CONFIG_INVALID',
        `The data folder ${folder} is in use by another npm start (process ${owner}). Stop that first.`,
      );
    }
    rmSync(mark, { force: true });
  }
}

/** Whether the process runs; where the system tells what it runs, whether that is one of these. */
function isQuickstart(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ESRCH') return false;
  }
  try {
    return /start\.mjs|quickstart/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
  } catch {
    return true;
  }
}
