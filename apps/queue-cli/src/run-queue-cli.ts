import { SignalWatch, quickstartHint, typedCommand } from '@event-pipeline/command-line';
import { createQueue } from '@event-pipeline/queue/create';
import {
  EXIT,
  PipelineError,
  escapeUnprintable,
  loadConfig,
  systemRandom,
  type ProgramHost,
} from '@event-pipeline/runtime';
import { createLogger } from '@event-pipeline/telemetry';
import { CommandRun } from './command-run';
import { helpText } from './option-table';
import type { OutputStream } from './output';
import { queueCliConfig, type QueueCliConfig } from './queue-cli-config';
import { parseCommand, type QueueCommand } from './queue-cli-options';
import { untilSignal } from './until-signal';

export interface QueueCliStreams {
  /** Asked on, where it is a terminal. */
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
}

/**
 * The whole command, from its arguments to its exit code: 0 when it was done, 1 when not, 2 for wrong
 * usage, 128 + the signal's number when one ended it.
 */
export async function runQueueCli(host: ProgramHost, streams: QueueCliStreams): Promise<void> {
  host.exit(await runCommand(host, streams));
}

async function runCommand(host: ProgramHost, streams: QueueCliStreams): Promise<number> {
  const signals = new SignalWatch(host, 'queue');
  try {
    const canAsk = streams.stdin.isTTY === true && streams.stderr.isTTY === true;
    const prepared = prepare(host, canAsk);
    if (prepared === 'help') {
      await host.write('stdout', helpText(commandName(host)));
      return EXIT.ok;
    }
    const { config, command } = prepared;
    const hint = quickstartHint(host.env, '.', `${commandName(host)} …`);
    if (hint !== undefined) await host.write('stderr', `queue: ${hint}\n`);
    const opening = createQueue(
      config,
      { clock: host.clock, random: systemRandom, logger: silentLogger() },
      { mustExist: true },
    );
    const queue = await untilSignal(opening, signals.first);
    if (queue === undefined) {
      // Nobody waits for it: the program ends.
      void opening.then(
        (late) => late.close(),
        () => undefined,
      );
      return signals.exitCode;
    }
    try {
      const run = new CommandRun(queue, config.queueName, host, streams, signals);
      return await run.execute(command);
    } finally {
      await queue.close();
    }
  } catch (error) {
    const { code, message } = PipelineError.from(error);
    // Not INVALID_ARGUMENT: what a user named wrong has become CONFIG_INVALID before.
    const isUsage = code === 'CONFIG_INVALID';
    const problems = message.split('\n');
    if (isUsage)
      problems.push(`Run "${commandName(host)} --help" to see every command and option.`);
    const lines = problems.map((problem) => `queue: ${escapeUnprintable(problem)}\n`);
    await host.write('stderr', lines.join(''));
    if (signals.first.aborted) return signals.exitCode;
    return isUsage ? EXIT.configInvalid : EXIT.failed;
  }
}

/** @throws PipelineError CONFIG_INVALID with every problem of the options and of the variables. */
function prepare(
  host: ProgramHost,
  canAsk: boolean,
): { config: QueueCliConfig; command: QueueCommand } | 'help' {
  const problems: string[] = [];
  const collect = <T>(step: () => T): T | undefined => {
    try {
      return step();
    } catch (error) {
      if (!(error instanceof PipelineError) || error.code !== 'CONFIG_INVALID') throw error;
      problems.push(error.message);
      return undefined;
    }
  };
  const command = collect(() => parseCommand(host.args, host.clock.now()));
  if (command === 'help') return 'help';
  if (command !== undefined && 'mustBeConfirmed' in command && command.mustBeConfirmed && !canAsk) {
    problems.push(
      `dead ${command.name} without a filter is for every dead letter: say --yes, or name a filter`,
    );
  }
  const config = collect(() => loadConfig(queueCliConfig, host.env));
  if (command === undefined || config === undefined || problems.length > 0) {
    throw new PipelineError('CONFIG_INVALID', problems.join('\n'));
  }
  return { config, command };
}

function commandName(host: ProgramHost): string {
  return typedCommand(host, { script: 'queue', bin: 'event-queue' });
}

/** What fails, the command itself says in one line. */
function silentLogger() {
  return createLogger({ name: 'queue', level: 'silent', format: 'json', destination: 'stderr' });
}
