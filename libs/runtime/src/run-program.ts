import type { Component } from './component';
import {
  describeConfig,
  loadConfig,
  type ConfigDefinition,
  type ConfigFields,
  type ConfigOf,
} from './config';
import { helpText } from './help-text';
import { PipelineError } from './pipeline-error';
import { messageOf } from './thrown-value';
import { nodeHost, type ProgramHost } from './program-host';
import { Supervisor } from './supervisor';

/** Where a program writes what happens to it; telemetry's Logger is one. */
export interface ProgramLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  fatal(fields: object, message: string): void;
  /** Writes out what is buffered before it returns. */
  flush(): void;
}

export interface ProgramOptions<F extends ConfigFields, L extends ProgramLogger> {
  readonly name: string;
  /** One sentence for `--help`: what the program does. */
  readonly summary: string;
  readonly config: ConfigDefinition<F>;
  /** How long an orderly stop may take, of all components together. */
  readonly graceMs: number | ((config: ConfigOf<ConfigDefinition<F>>) => number);
  readonly logger: (name: string, config: ConfigOf<ConfigDefinition<F>>) => L;
  /** The parts in the order in which they start. They are stopped in reverse. */
  readonly build: (
    config: ConfigOf<ConfigDefinition<F>>,
    logger: L,
  ) => readonly Component[] | Promise<readonly Component[]>;
}

/** Exit codes of every program. */
export const EXIT = { ok: 0, failed: 1, configInvalid: 2 } as const;

/**
 * Runs a program from its first line to its exit; the whole of a main.ts:
 *
 *     void runProgram({ name: 'collector', summary: '…', config: collectorConfig,
 *       graceMs: 25_000, logger: createProgramLogger, build: createCollector });
 *
 * - Reads the configuration; what is wrong with it is printed on stderr, a line each: exit code 2.
 * - `--help` prints every variable: exit code 0.
 * - Builds the components and starts them in order. One that fails to start ends the program with
 *   one clear line: exit code 2 for CONFIG_INVALID, else 1.
 * - SIGTERM or SIGINT stops them in reverse within the grace: exit code 0. Signals within the first
 *   second of that are taken as the same one (npm and nx forward what the terminal sends as well);
 *   a later one ends the grace at once.
 * - What has not stopped when the grace is over is named in a line: exit code 1.
 * - An uncaught exception or an unhandled rejection is logged as fatal and ends the program at once,
 *   as a crash: exit code 1.
 *
 * But for a crash, every component that was built is stopped, started or not. Logs are flushed before the exit, which
 * does not wait for handles that something left open. Resolves with the exit code where the host's
 * exit returns.
 */
export async function runProgram<F extends ConfigFields, L extends ProgramLogger>(
  options: ProgramOptions<F, L>,
  host: ProgramHost = nodeHost,
): Promise<number> {
  const code = await run(options, host);
  host.exit(code);
  return code;
}

async function run<F extends ConfigFields, L extends ProgramLogger>(
  options: ProgramOptions<F, L>,
  host: ProgramHost,
): Promise<number> {
  const { name } = options;
  if (host.args.includes('--help') || host.args.includes('-h')) {
    const variables = describeConfig(options.config);
    await host.write('stdout', helpText({ ...options, command: host.command, variables }));
    return EXIT.ok;
  }
  if (host.args.length > 0) {
    const line = `${name}: takes no arguments but --help, which lists the variables it reads\n`;
    await host.write('stderr', line);
    return EXIT.configInvalid;
  }

  let prepared;
  try {
    const config = loadConfig(options.config, host.env);
    const graceMs = typeof options.graceMs === 'number' ? options.graceMs : options.graceMs(config);
    prepared = { config, graceMs, logger: options.logger(name, config) };
  } catch (error) {
    await host.write('stderr', configurationProblem(name, error));
    return exitCodeOf(error);
  }

  const { config, graceMs, logger } = prepared;
  const supervisor = new Supervisor({ name, graceMs, logger, host });
  return supervisor.run(() => options.build(config, logger));
}

/** 2 for a mistake in the configuration, 1 for anything else. */
export function exitCodeOf(error: unknown): number {
  return error instanceof PipelineError && error.code === 'CONFIG_INVALID'
    ? EXIT.configInvalid
    : EXIT.failed;
}

function configurationProblem(name: string, error: unknown): string {
  if (exitCodeOf(error) !== EXIT.configInvalid) return `${name}: ${messageOf(error)}\n`;
  const problems = messageOf(error).split('\n');
  return [
    `${name}: the configuration is not valid:`,
    ...problems.map((problem) => `  ${problem}`),
    `Run with --help to see every variable.`,
    '',
  ].join('\n');
}
