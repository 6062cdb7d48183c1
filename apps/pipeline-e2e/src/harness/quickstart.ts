import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '@event-pipeline/queue/testing';
import { isRunning } from '@event-pipeline/runtime/testing';
import type { Scratch } from './scratch';
import { until } from './until';

const SCRIPT = join(__dirname, '../../../../dist/apps/quickstart/main.js');

/** What a quickstart of a test lives on: a folder and ports of its own. */
export interface QuickstartPlace {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

export async function quickstartPlace(scratch: Scratch): Promise<QuickstartPlace> {
  const folder = await scratch.folder();
  const [collector, collectorHttp, worker] = [await freePort(), await freePort(), await freePort()];
  const env = {
    PATH: process.env['PATH'] ?? '',
    COLLECTOR_PORT: String(collector),
    COLLECTOR_HTTP_PORT: String(collectorHttp),
    WORKER_HTTP_PORT: String(worker),
  };
  return { folder, env };
}

/** The program behind `npm start`, in a process of its own. */
export class Quickstart {
  stdout = '';
  stderr = '';
  /** Resolves with the exit code when it has ended. */
  readonly ended: Promise<number | null>;
  readonly child: ChildProcess;

  constructor(
    readonly place: QuickstartPlace,
    args: readonly string[],
    scratch: Scratch,
    variables: Readonly<Record<string, string>> = {},
  ) {
    if (!existsSync(SCRIPT)) throw new Error('quickstart is not built: run npm test');
    const child = spawn(process.execPath, [SCRIPT, ...args], {
      cwd: place.folder,
      env: { ...place.env, ...variables },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.child = child;
    this.ended = new Promise((resolve) => child.once('close', (code) => resolve(code)));
    scratch.afterwards(async () => {
      child.kill('SIGTERM');
      await this.ended;
    });
  }

  /** Resolves once it has shown its summary and stays up. */
  async staysUp(): Promise<void> {
    await until('the quickstart stays up', () => {
      if (this.child.exitCode !== null) throw new Error(this.stderr);
      return this.stdout.includes('Running until Ctrl-C');
    });
  }

  /** The log of collector or worker. */
  log(program: 'collector' | 'worker'): string {
    return readFileSync(join(this.place.folder, '.data/logs', `${program}.log`), 'utf8');
  }

  /** The process of collector or worker, as its log names it. */
  pidOf(program: 'collector' | 'worker'): number {
    return Number(/"pid":(\d+)/.exec(this.log(program))?.[1]);
  }

  /** Collector and worker. */
  get pids(): readonly number[] {
    return [this.pidOf('collector'), this.pidOf('worker')];
  }
}

export async function untilGone(pids: readonly number[]): Promise<void> {
  await until('the processes are gone', () => !pids.some(isRunning));
}
