import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { type Clock, guardOrphan } from '@event-pipeline/runtime';
import type { LogFile } from './log-file';
import { type OutputLine, readOutputLine } from './program-output';

export interface ChildProgramOptions {
  readonly name: string;
  /** Its main.js. */
  readonly script: string;
  readonly env: NodeJS.ProcessEnv;
  readonly log: LogFile;
  readonly clock: Clock;
  /** Called for each line that is worth showing. */
  readonly onProblem: (program: string, text: string) => void;
}

/** How a program ended. */
export interface Ending {
  /** Undefined when a signal ended it. */
  readonly code: number | undefined;
  /** In words: "exit code 1", "SIGKILL". */
  readonly how: string;
  /** Why, where it said so. */
  readonly reason: string | undefined;
  /** The last thing it said; undefined where that was shown already. */
  readonly lastLine: string | undefined;
}

/** Longer than any program takes to drain; then it is killed. */
const GRACE_MS = 40_000;

/**
 * A program that runs beside this one, in a process group of its own: a terminal's Ctrl-C does not
 * reach it, it gets one SIGTERM from here, and it ends when this process is killed.
 */
export class ChildProgram {
  readonly name: string;
  readonly logPath: string;
  /** Resolves when it has ended and everything it said is in the log. Never rejects. */
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #over = new AbortController();

  constructor(options: ChildProgramOptions) {
    const { name, script, env, log, clock } = options;
    this.name = name;
    this.logPath = log.path;
    this.#clock = clock;
    const child = spawn(process.execPath, ['--enable-source-maps', script], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#child = child;
    const guard =
      child.pid === undefined ? undefined : guardOrphan(child.pid, { signal: 'SIGTERM' });
    let lastLine: string | undefined;
    let reason: string | undefined;
    const onLine = (line: string) => {
      log.write(line);
      const { kind, text }: OutputLine = readOutputLine(line);
      lastLine = kind === 'problem' ? undefined : text;
      if (kind === 'end') reason ??= text;
      if (kind === 'problem') options.onProblem(name, text);
    };
    for (const stream of [child.stdout, child.stderr]) readLines(stream, onLine);
    this.ended = new Promise((resolve) => {
      child.once('error', (error) => (reason = error.message));
      child.once('close', (code, signal) => {
        this.#over.abort();
        guard?.release();
        log.close();
        const how = signal ?? `exit code ${code ?? 'unknown'}`;
        resolve({ code: code ?? undefined, how, reason, lastLine });
      });
    });
  }

  get running(): boolean {
    return !this.#over.signal.aborted;
  }

  /** Asks it to end in order and resolves when it has; at once where `force` has aborted. */
  async stop(force: AbortSignal): Promise<Ending> {
    this.#child.kill('SIGTERM');
    const kill = () => void this.#child.kill('SIGKILL');
    if (force.aborted) kill();
    force.addEventListener('abort', kill, { once: true });
    void this.#clock.sleep(GRACE_MS, this.#over.signal).then(() => {
      if (this.running) kill();
    });
    const ending = await this.ended;
    force.removeEventListener('abort', kill);
    return ending;
  }
}

function readLines(stream: Readable, onLine: (line: string) => void): void {
  createInterface({ input: stream, crlfDelay: Infinity }).on('line', onLine);
}
