import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { problemsInReport } from '@event-pipeline/runtime';

/** A program that has not judged its configuration by then says at its start what is wrong, ms. */
const LIMIT_MS = 15_000;
/** More than all problems that a program can have. */
const MAX_OUTPUT_BYTES = 1_048_576;
const CONFIG_INVALID = 2;

export interface CheckedPrograms {
  /** The folder of the built programs. */
  readonly programs: string;
  readonly names: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/**
 * What these programs find wrong with their configuration, a line each, the same line once. They are
 * asked themselves (`--check-config`), side by side: nobody else knows their variables. One that gives
 * no answer has no problem here. Ends early, with less, when the signal aborts.
 */
export async function checkPrograms(
  { programs, names, env }: CheckedPrograms,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const reports = await Promise.all(
    names.map((name) => reportOf(join(programs, name, 'main.js'), env, signal)),
  );
  return [...new Set(reports.flatMap(problemsInReport))];
}

function reportOf(script: string, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<string> {
  const options = { env, signal, timeout: LIMIT_MS, maxBuffer: MAX_OUTPUT_BYTES };
  return new Promise((resolve) => {
    execFile(process.execPath, [script, '--check-config'], options, (error, _, stderr) =>
      resolve(error?.code === CONFIG_INVALID ? stderr : ''),
    );
  });
}
