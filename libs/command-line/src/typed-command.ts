import { basename } from 'node:path';
import type { ProgramHost } from '@event-pipeline/runtime';

/** The ways in which people call a program of this repository. */
export interface CommandNames {
  /** The script of package.json, as in `npm run queue`. */
  readonly script: string;
  /** The "bin" of package.json, as in `npx event-queue`; absent where there is none. */
  readonly bin?: string;
}

/**
 * What the person typed to call the program, for usage lines and hints: `npm run queue --`,
 * `npx event-queue`, `event-queue`, or the interpreter with the file.
 *
 * npm and npx tell by `npm_lifecycle_event` and `npm_command`. Where neither was typed, as in a
 * container, whoever starts the program says in `CALLED_AS` what was.
 */
export function typedCommand(
  { env, command }: Pick<ProgramHost, 'env' | 'command'>,
  { script, bin }: CommandNames,
): string {
  const calledAs = env['CALLED_AS'];
  if (calledAs !== undefined && calledAs !== '') return calledAs;
  if (env['npm_lifecycle_event'] === script) return `npm run ${script} --`;
  if (bin === undefined) return command;
  const isNpx = env['npm_lifecycle_event'] === 'npx' || env['npm_command'] === 'exec';
  if (isNpx) return `npx ${bin}`;
  return basename(command.split(' ').at(-1) ?? '') === bin ? bin : command;
}
