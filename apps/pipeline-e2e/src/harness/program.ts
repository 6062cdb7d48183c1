import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { guardOrphan } from '@event-pipeline/runtime';
import type { Scratch } from './scratch';
import { until } from './until';
import { inWorkspace } from './workspace';

const KEPT_LINES = 500;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string };

/** One of the built programs in a process of its own, exactly as a user runs it. */
export class Program {
  readonly exited: Promise<Exit>;
  /** What it wrote last, on both outputs: for the message of a test that fails. */
  readonly output: string[] = [];
  stdout = '';
  private readonly child: ChildProcess;
  private readonly logLines: LogLine[] = [];

  constructor(
    readonly name: 'collector' | 'worker' | 'producer' | 'queue-cli',
    variables: Readonly<Record<string, string>>,
    args: readonly string[],
    scratch: Scratch,
  ) {
    const script = inWorkspace('dist/apps', name, 'main.js');
    if (!existsSync(script))
      throw new Error(`${name} is not built: run npm test, or nx build ${name}`);
    this.child = spawn(process.execPath, [script, ...args], {
      cwd: inWorkspace(),
      env: { ...withoutOurs(process.env), ...variables },
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

  /** Whether its standard output is a log; that of a command is its answer. */
  private get logs(): boolean {
    return this.name === 'collector' || this.name === 'worker';
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
  async logged(what: string, fits: (line: LogLine) => boolean): Promise<LogLine> {
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
    this.logLines.push(JSON.parse(line) as LogLine);
    if (this.logLines.length > KEPT_LINES) this.logLines.shift();
  }
}

/** Starts a collector and waits until it takes events. */
export async function startCollector(
  variables: Readonly<Record<string, string>>,
  scratch: Scratch,
): Promise<{ program: Program; address: string; httpUrl: string }> {
  const ports = { COLLECTOR_PORT: '0', COLLECTOR_HTTP_PORT: '0' };
  const program = new Program('collector', { ...ports, ...variables }, [], scratch);
  const { port } = await program.logged('its port', ({ msg }) => /running on port/.test(msg ?? ''));
  return { program, address: `127.0.0.1:${String(port)}`, httpUrl: await httpUrlOf(program) };
}

/** Starts a worker and waits until it works. */
export async function startWorker(
  variables: Readonly<Record<string, string>>,
  scratch: Scratch,
): Promise<{ program: Program; httpUrl: string }> {
  const program = new Program('worker', { WORKER_HTTP_PORT: '0', ...variables }, [], scratch);
  await program.logged('that it started', ({ msg }) => /^Worker started/.test(msg ?? ''));
  return { program, httpUrl: await httpUrlOf(program) };
}

/** Where a collector or worker serves /metrics and /readyz. */
export async function httpUrlOf(program: Program): Promise<string> {
  const { url } = await program.logged('its HTTP port', (line) => typeof line['url'] === 'string');
  return String(url);
}

export interface ProducerSummary {
  readonly sent: number;
  readonly acknowledged: number;
  readonly rejected: number;
  /** How often an event was sent again. */
  readonly resent: number;
  readonly acknowledgementLatency: { readonly samples: number };
}

/** Runs a producer to its end. */
export async function runProducer(
  address: string,
  args: readonly string[],
  scratch: Scratch,
): Promise<{ exit: Exit; summary: ProducerSummary; program: Program }> {
  const program = startProducer(address, args, scratch);
  const exit = await program.exited;
  return { exit, summary: JSON.parse(program.stdout) as ProducerSummary, program };
}

export function startProducer(address: string, args: readonly string[], scratch: Scratch): Program {
  return new Program('producer', {}, ['--collector', address, '--json', ...args], scratch);
}

/** Starts a command of the queue's command line. */
export function startQueueCli(
  variables: Readonly<Record<string, string>>,
  command: string,
  scratch: Scratch,
): Program {
  return new Program('queue-cli', variables, command.split(' '), scratch);
}

/** Runs a command of the queue's command line to its end, and insists that it succeeded. */
export async function runQueueCli(
  variables: Readonly<Record<string, string>>,
  command: string,
  scratch: Scratch,
): Promise<string> {
  const program = startQueueCli(variables, command, scratch);
  const { code } = await program.exited;
  if (code !== 0) throw new Error(`"${command}" ended with ${code}: ${program.output.join(' | ')}`);
  return program.stdout;
}

/** The value of a metric; with its labels as they are exported, where it has some. */
export async function metricOf(httpUrl: string, name: string): Promise<number> {
  const text = await (await fetch(`${httpUrl}/metrics`)).text();
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
  return Number(line?.split(' ')[1]);
}

/** A metric, added up over its labels where the name has none; 0 where nothing was counted yet. */
export async function metricSum(httpUrl: string, name: string): Promise<number> {
  const text = await (await fetch(`${httpUrl}/metrics`)).text();
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** A developer's own settings must not reach the programs under test. */
function withoutOurs(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const ours = /^(COLLECTOR|WORKER|QUEUE|REDIS|STORE|HANDLER|LOG|EVENT|PROCESSING)_/;
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !ours.test(name)));
}
