import type { Component } from './component';
import {
  describeConfig,
  loadConfig,
  type ConfigDefinition,
  type ConfigFields,
  type ConfigOf,
} from './config';
import { configurationReport } from './configuration-report';
import { helpText } from './help-text';
import { misspeltText, misspeltVariables } from './misspelt-variables';
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
  /** Goes on with debug lines, or without them again. */
  toggleLevel?(): void;
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
 *   A variable that is nearly one of the program's own is named beside it, or else in a warning.
 * - `--help` prints every variable: exit code 0. `--check-config` ends after the first step: exit code
 *   0 or 2, and nothing has been started.
 * - Builds the components and starts them in order. One that fails to start ends the program with
 *   one clear line: exit code 2 for CONFIG_INVALID, else 1.
 * - SIGTERM or SIGINT stops them in reverse within the grace: exit code 0. Signals within the first
 *   second of that are taken as the same one (npm and nx forward what the terminal sends as well);
 *   a later one ends the grace at once.
 * - SIGUSR2 toggles the level of the log, where the logger can.
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
    const command = `${host.command} [--check-config]`;
    await host.write('stdout', helpText({ ...options, command, variables }));
    return EXIT.ok;
  }
  const isCheck = host.args.length === 1 && host.args[0] === '--check-config';
  if (host.args.length > 0 && !isCheck) {
    const line =
      `${name}: takes no arguments but --check-config and ` +
      '--help, which lists the variables it reads\n';
    await host.write('stderr', line);
    return EXIT.configInvalid;
  }

  const misspelt = misspeltVariables(options.config, host.env).map(misspeltText);
  let prepared;
  try {
    const config = loadConfig(options.config, host.env);
    if (isCheck) {
      const lines = [...misspelt, 'the configuration is valid'];
      await host.write('stdout', lines.map((line) => `${name}: ${line}\n`).join(''));
      return EXIT.ok;
    }
    const graceMs = typeof options.graceMs === 'number' ? options.graceMs : options.graceMs(config);
    prepared = { config, graceMs, logger: options.logger(name, config) };
  } catch (error) {
    await host.write('stderr', configurationProblem(name, error, misspelt));
    return exitCodeOf(error);
  }

  const { config, graceMs, logger } = prepared;
  for (const text of misspelt) logger.warn({}, text);
  const supervisor = new Supervisor({ name, graceMs, logger, host });
  return supervisor.run(() => options.build(config, logger));
}

/** 2 for a mistake in the configuration, 1 for anything else. */
export function exitCodeOf(error: unknown): number {
  return error instanceof PipelineError && error.code === 'CONFIG_INVALID'
    ? EXIT.configInvalid
    : EXIT.failed;
}

function configurationProblem(name: string, error: unknown, misspelt: readonly string[]): string {
  if (exitCodeOf(error) !== EXIT.configInvalid) return `${name}: ${messageOf(error)}\n`;
  return configurationReport(name, [...messageOf(error).split('\n'), ...misspelt]);
}
