import { isToken } from '@event-pipeline/publisher/calls';
import { PublishError, tokenFromFile, type TokenSource } from '@event-pipeline/publisher';
import {
  PipelineError,
  valueFileOf,
  type ConfigOf,
  type ProgramHost,
} from '@event-pipeline/runtime';
import { producerConfig } from './producer-config';

/**
 * The token that calls of the collector bear: as it was given, or from a file that is read again when it
 * changes.
 *
 * @throws PipelineError CONFIG_INVALID for what is no token
 */
export function collectorToken(
  { collectorToken: text }: ConfigOf<typeof producerConfig>,
  { env, clock }: Pick<ProgramHost, 'env' | 'clock'>,
): TokenSource | undefined {
  const file = valueFileOf(producerConfig.fields.collectorToken, env);
  if (file === undefined) {
    if (text === undefined || isToken(text)) return text;
    const expected = 'expected a token of letters, digits and "-._~+/" (it is not shown)';
    throw new PipelineError('CONFIG_INVALID', `COLLECTOR_TOKEN: ${expected}`);
  }
  try {
    return tokenFromFile(file, { clock });
  } catch (error) {
    if (!(error instanceof PublishError)) throw error;
    throw new PipelineError('CONFIG_INVALID', `COLLECTOR_TOKEN_FILE: ${error.message}`);
  }
}
