import { PassThrough, type Readable } from 'node:stream';
import { systemClock, type ProgramEvents, type ProgramHost } from '@event-pipeline/runtime';
import { runProducer } from '../run-producer';

export interface CommandRun {
  /** Resolves with the exit code. */
  readonly exited: Promise<number>;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Delivers a signal, as the system does. */
  signal(name: string): void;
}

/** Runs the whole command in this process, with streams and an exit of its own. */
export function runCommand(
  args: readonly string[],
  options: { address?: string; stdin?: Readable; env?: NodeJS.ProcessEnv } = {},
): CommandRun {
  const written = { stdout: '', stderr: '' };
  const stderr = new PassThrough();
  stderr.on('data', (chunk: Buffer) => (written.stderr += chunk.toString()));
  let events: ProgramEvents | undefined;
  const exited = new Promise<number>((resolve) => {
    const host: ProgramHost = {
      args,
      command: 'producer',
      env: {
        ...options.env,
        ...(options.address !== undefined && { COLLECTOR_ADDRESS: options.address }),
      },
      clock: systemClock,
      write: (stream, text) => {
        if (stream === 'stdout') written.stdout += text;
        else stderr.write(text);
        return Promise.resolve();
      },
      listen: (listened) => (events = listened),
      exit: resolve,
    };
    const stdin = () => options.stdin ?? new PassThrough().end();
    void runProducer(host, { stdin, stderr });
  });
  return {
    exited,
    stdout: () => written.stdout,
    stderr: () => written.stderr,
    signal: (name) => events?.signal(name),
  };
}
