import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { guardOrphan, systemClock } from '@event-pipeline/runtime';
import { isRunning } from '@event-pipeline/runtime/testing';

/** How long it may take to end in order. */
const STOP_LIMIT_MS = 15_000;
const KEPT_OUTPUT = 8_192;

/** Whom the programs of PostgreSQL run as; undefined: as this process. */
export interface ProcessUser {
  readonly uid: number;
  readonly gid: number;
}

/** A postmaster that runs, with the processes it has started. */
export interface RunningPostgres {
  readonly pid: number;
  /** What it has said lately. */
  output(): string;
  hasEnded(): boolean;
  /** Ends it in order: clients are disconnected, everything is written. */
  stop(): Promise<void>;
  /** Kills every process of it at once, as a power cut would, and waits until they are gone. */
  kill9(): Promise<void>;
  /** Sends a signal to every process of it. */
  signalAll(signal: 'SIGSTOP' | 'SIGCONT'): void;
}

/** The user that PostgreSQL's programs run as: they refuse to run as root. */
export function unprivilegedUser(): ProcessUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const wanted of ['postgres', 'nobody']) {
    const [, , uid, gid] = lines.find((line) => line.startsWith(`${wanted}:`))?.split(':') ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  return { uid: 65_534, gid: 65_534 };
}

/** Runs a program to its end. Rejects with what it said where it fails. */
export async function runToEnd(
  program: string,
  args: readonly string[],
  cwd: string,
  user: ProcessUser | undefined,
): Promise<void> {
  const { gone, output } = collect(spawn(program, args, { ...user, ...SPAWN, cwd }));
  const code = await gone;
  if (code !== 0) throw new Error(`${program} failed (${String(code)}):\n${output().trim()}`);
}

/**
 * Starts a postmaster. It dies with this process, however that one ends; the folder is removed then.
 */
export function launchPostgres(options: {
  readonly program: string;
  readonly args: readonly string[];
  readonly folder: string;
  readonly user: ProcessUser | undefined;
}): RunningPostgres {
  const { program, args, folder, user } = options;
  const child = spawn(program, args, { ...user, ...SPAWN, cwd: folder });
  const { gone, output } = collect(child);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${program} cannot be started: set POSTGRES_BIN`);
  child.unref();
  for (const stream of [child.stdout, child.stderr]) {
    (stream as unknown as { unref(): void }).unref();
  }
  const guard = guardOrphan(pid, { signal: 'SIGKILL', removeFolder: folder });
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  return {
    pid,
    output,
    hasEnded,
    async stop() {
      if (!hasEnded()) {
        for (const each of familyOf(pid)) send(each, 'SIGCONT');
        child.kill('SIGINT');
        const limit = setTimeout(() => child.kill('SIGQUIT'), STOP_LIMIT_MS);
        await gone;
        clearTimeout(limit);
      }
      guard.release();
    },
    async kill9() {
      if (!hasEnded()) {
        // Stopped first, so that it has no new children while they are listed.
        send(pid, 'SIGSTOP');
        const family = familyOf(pid);
        for (const each of family) send(each, 'SIGKILL');
        await gone;
        while (family.some(isRunning)) await systemClock.sleep(2);
      }
      guard.release();
    },
    signalAll(signal) {
      if (hasEnded()) throw new Error(`PostgreSQL ${pid} is not running`);
      for (const each of familyOf(pid)) send(each, signal);
    },
  };
}

const SPAWN = {
  stdio: ['ignore', 'pipe', 'pipe'] as ['ignore', 'pipe', 'pipe'],
  // Neither the language nor the connection settings of whoever runs the tests.
  env: { PATH: process.env['PATH'], LC_ALL: 'C' },
};

function collect(child: ChildProcess) {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => (text = (text + chunk.toString()).slice(-KEPT_OUTPUT)));
  }
  const gone = new Promise<number | string | null>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal));
    child.once('error', (error) => {
      text += `\n${error.message}`;
      resolve('not started');
    });
  });
  return { gone, output: () => text };
}

/** The process and its children; on Linux. Elsewhere the children notice by themselves. */
function familyOf(pid: number): number[] {
  const children: number[] = [];
  try {
    for (const name of readdirSync('/proc')) {
      if (/^\d+$/.test(name) && parentOf(name) === pid) children.push(Number(name));
    }
  } catch {
    // No /proc.
  }
  return [pid, ...children];
}

function parentOf(pid: string): number {
  try {
    // "1234 (name, in which anything may stand) S 1 …"
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return -1;
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone.
  }
}
