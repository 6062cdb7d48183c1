import { PipelineError, loadConfig, messageOf } from '@event-pipeline/runtime';
import { checkPrograms } from './program-check';
import { type QuickstartConfig, quickstartConfig } from './quickstart-config';

/** The programs that read variables here: the producer is told everything by its arguments. */
const PROGRAMS = ['collector', 'worker'];

/**
 * The quickstart's own configuration, once collector and worker have found nothing wrong with theirs.
 *
 * @param host.programs the folder of the built programs
 * @param signal aborts the questions to the programs
 * @throws PipelineError CONFIG_INVALID that names every problem of all of them, a line each
 */
export async function loadCheckedConfig(
  { env, programs }: { readonly env: NodeJS.ProcessEnv; readonly programs: string },
  signal: AbortSignal,
): Promise<QuickstartConfig> {
  const theirs = await checkPrograms({ programs, names: PROGRAMS, env }, signal);
  let config: QuickstartConfig | undefined;
  let own: readonly string[] = [];
  try {
    config = loadConfig(quickstartConfig, env);
  } catch (error) {
    if (!(error instanceof PipelineError) || error.code !== 'CONFIG_INVALID') throw error;
    own = messageOf(error).split('\n');
  }
  const problems = [...new Set([...theirs, ...own])];
  if (config !== undefined && problems.length === 0) return config;
  throw new PipelineError(
    'CONFIG_INVALID',
    [
      'The configuration is not valid; nothing has been started:',
      ...problems.map((problem) => `  ${problem}`),
      'Every variable is described in docs/configuration.md.',
    ].join('\n'),
  );
}
