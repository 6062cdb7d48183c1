import { PassThrough } from 'node:stream';
import { systemClock, type ProgramEvents, type ProgramHost } from '@event-pipeline/runtime';
import { runQueueCli } from '../run-queue-cli';

export interface RunningCommand {
  /** Resolves with the exit code. */
  readonly exited: Promise<number>;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Delivers a signal, as the system does. */
  signal(name: string): void;
  /** Types a line, where there is a terminal. */
  type(line: string): void;
}

export interface CommandOptions {
  readonly url?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Whether standard input and standard error are a terminal. */
  readonly terminal?: boolean;
  /** Standard output is a terminal of this width. */
  readonly columns?: number;
  /** Called with each piece of standard output. */
  readonly onOutput?: (text: string) => void;
}

/** Runs the whole command in this process, with streams and an exit of its own. */
export function startCommand(
  args: readonly string[],
  { url, env = {}, terminal = false, columns, onOutput }: CommandOptions = {},
): RunningCommand {
  const written = { stdout: '', stderr: '' };
  const [stdin, stderr] = [stream(terminal), stream(terminal)];
  const stdout = Object.assign(stream(columns !== undefined), columns !== undefined && { columns });
  stdout.on('data', (chunk: Buffer) => {
    written.stdout += chunk.toString();
    onOutput?.(chunk.toString());
  });
  stderr.on('data', (chunk: Buffer) => (written.stderr += chunk.toString()));
  let events: ProgramEvents | undefined;
  const exited = new Promise<number>((resolve) => {
    const host: ProgramHost = {
      args,
      command: 'queue',
      env: url === undefined ? env : { QUEUE_URL: url, ...env },
      clock: systemClock,
      write: (target, text) => {
        (target === 'stdout' ? stdout : stderr).write(text);
        return Promise.resolve();
      },
      listen: (listened) => (events = listened),
      exit: resolve,
    };
    void runQueueCli(host, { stdin, stdout, stderr });
  });
  return {
    exited,
    stdout: () => written.stdout,
    stderr: () => written.stderr,
    signal: (name) => events?.signal(name),
    type: (line) => stdin.write(`${line}\n`),
  };
}

export interface EndedCommand {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs it to its end. */
export async function runCommand(
  args: readonly string[],
  options: CommandOptions = {},
): Promise<EndedCommand> {
  const command = startCommand(args, options);
  const code = await command.exited;
  return { code, stdout: command.stdout(), stderr: command.stderr() };
}

function stream(isTTY: boolean): PassThrough & { isTTY?: boolean } {
  return Object.assign(new PassThrough(), isTTY ? { isTTY } : {});
}
