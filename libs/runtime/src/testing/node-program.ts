import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { guardOrphan } from '../orphan-guard';
import type { Scratch } from './scratch';
import { until } from './until';
import { inWorkspace } from './workspace';

const KEPT_LINES = 500;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export type ProgramLogLine = Readonly<Record<string, unknown>> & { readonly msg?: string };

export interface NodeProgramOptions {
  /** For messages. */
  readonly name: string;
  /** The file to run. */
  readonly script: string;
  /** For Node.js itself, before the script. */
  readonly nodeArgs?: readonly string[];
  readonly args?: readonly string[];
  /** Beside those of this process that are no settings of ours. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Whether its standard output is a log of JSON lines; that of a command is its answer. */
  readonly logs: boolean;
}

function commandLineOf({ nodeArgs = [], script, args = [] }: NodeProgramOptions): string[] {
  return [...nodeArgs, script, ...args];
}

/** A Node.js program in a process of its own, which ends with this one. */
export class NodeProgram {
  readonly name: string;
  readonly exited: Promise<Exit>;
  /** What it wrote last, on both outputs: for the message of a test that fails. */
  readonly output: string[] = [];
  stdout = '';
  private readonly logs: boolean;
  private readonly child: ChildProcess;
  private readonly logLines: ProgramLogLine[] = [];

  constructor(options: NodeProgramOptions, scratch: Scratch) {
    this.name = options.name;
    this.logs = options.logs;
    this.child = spawn(process.execPath, commandLineOf(options), {
      cwd: inWorkspace(),
      env: { ...withoutOurs(process.env), ...options.variables },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { stdout, stderr } = this.child;
    stdout?.on('data', (chunk: Buffer) => {
      if (!this.logs) this.stdout += chunk.toString();
    });
    for (const stream of [stdout, stderr]) {
      if (stream) createInterface({ input: stream }).on('line', (line) => this.note(line));
    }
    const guard = guardOrphan(this.pid, { signal: 'SIGKILL' });
    const forget = scratch.afterwards(() => this.kill9());
    this.exited = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        guard.release();
        forget();
        resolve({ code, signal });
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  /** Whether it has not ended; one that is stopped by SIGSTOP runs. */
  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Ends it as a crash does; resolves when it is gone. */
  async kill9(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  /** Ends it as an operator does. */
  async stop(): Promise<Exit> {
    this.child.kill('SIGTERM');
    return this.exited;
  }

  /** The first log line, from now or before, that fits. */
  async logged(what: string, fits: (line: ProgramLogLine) => boolean): Promise<ProgramLogLine> {
    const failed = (problem: string) =>
      new Error(`${problem}; its last lines:\n${this.output.slice(-20).join('\n')}`);
    let ended = false;
    void this.exited.then(() => (ended = true));
    const line = await until(`${this.name} logs ${what}`, () => {
      // What it wrote is read before it counts as ended.
      const isOver = ended;
      return this.logLines.find(fits) ?? (isOver && 'ended');
    }).catch((error: unknown) => {
      throw failed(String(error));
    });
    if (line === 'ended') throw failed(`${this.name} ended before it logged ${what}`);
    return line;
  }

  private note(line: string): void {
    this.output.push(line);
    if (this.output.length > KEPT_LINES) this.output.shift();
    if (!line.startsWith('{') || !this.logs) return;
    this.logLines.push(JSON.parse(line) as ProgramLogLine);
    if (this.logLines.length > KEPT_LINES) this.logLines.shift();
  }
}

/** A developer's own settings must not reach the programs under test. */
function withoutOurs(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const ours = /^(COLLECTOR|WORKER|QUEUE|REDIS|STORE|HANDLER|LOG|EVENT|PROCESSING|OTEL)_/;
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !ours.test(name)));
}
