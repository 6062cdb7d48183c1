import { spawnSync } from 'node:child_process';
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@event-pipeline/runtime';
import { median } from './statistics';
import { versionOf, type Tool } from './tools';

/** Where figures come from: without it they mean nothing. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  /** Median time of a write of 4 KiB with fsync, in the folder where Redis and PostgreSQL write, ms. */
  readonly fsyncMs: number;
  readonly programs: Readonly<Record<string, string>>;
}

export function describeMachine(): Machine {
  const tools: readonly Tool[] = ['redis-server', 'postgres', 'nats-server', 'h2load'];
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()} ${process.arch}`,
    node: process.versions.node,
    fsyncMs: Math.round(medianFsyncMs() * 1_000) / 1_000,
    programs: Object.fromEntries(
      tools.map((tool) => [tool, versionOf(tool)?.split('\n')[0] ?? 'not installed']),
    ),
  };
}

/** The commit that is measured; marked where files differ from it. */
export function describeCommit(): string {
  const git = (...args: string[]) => spawnSync('git', args, { encoding: 'utf8' }).stdout?.trim();
  const commit = git('rev-parse', '--short=12', 'HEAD');
  if (!commit) return 'unknown';
  return git('status', '--porcelain', '--untracked-files=no') === ''
    ? commit
    : `${commit}, changed`;
}

function medianFsyncMs(): number {
  const folder = mkdtempSync(join(tmpdir(), 'bench-fsync-'));
  const file = openSync(join(folder, 'file'), 'w');
  try {
    const page = Buffer.alloc(4_096, 1);
    const times = Array.from({ length: 100 }, () => {
      const start = systemClock.monotonic();
      writeSync(file, page);
      fsyncSync(file);
      return systemClock.monotonic() - start;
    });
    return median(times);
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true, force: true });
  }
}
