import { PipelineError } from '@event-pipeline/runtime';

/**
 * A call about something that the user has named: where the queue finds that it is no argument, the
 * command line is wrong. Of any other call that would be a bug, and no usage mistake.
 *
 * @throws PipelineError CONFIG_INVALID in place of INVALID_ARGUMENT
 */
export async function asNamedByUser<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    const { code, message } = PipelineError.from(error);
    if (code !== 'INVALID_ARGUMENT') throw error;
    throw new PipelineError('CONFIG_INVALID', message, { cause: error });
  }
}
