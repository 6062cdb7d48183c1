import { PipelineError, messageOf } from '@event-pipeline/runtime';

/** The first word of an error reply, e.g. "OOM"; empty for anything that Redis did not say. */
export function replyCode(error: unknown): string {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return '';
  return /^[A-Z]+/.exec(error.message)?.[0] ?? '';
}

/**
 * What a failed command means for the queue. An error reply other than these, and everything that
 * is no reply at all (connection lost, not connected, time limit), is QUEUE_UNAVAILABLE: whether
 * the step happened is unknown, and repeating it is safe.
 */
export function toQueueError(error: unknown): PipelineError {
  if (error instanceof PipelineError) return error;
  switch (replyCode(error)) {
    case 'OOM':
      return new PipelineError('QUEUE_FULL', 'Redis is at maxmemory', { cause: error });
    case 'INVALID':
      return new PipelineError('INVALID_ARGUMENT', messageOf(error), { cause: error });
    case 'WRONGTYPE':
      return new PipelineError(
        'QUEUE_CORRUPT',
        'a key of the queue has the wrong type: another program uses the same name (QUEUE_NAME)',
        { cause: error },
      );
    default:
      return new PipelineError('QUEUE_UNAVAILABLE', `Redis: ${reasonOf(error)}`, { cause: error });
  }
}

function reasonOf(error: unknown): string {
  // What ioredis says when the connection breaks under a command that it may not send again.
  const lost = error instanceof Error && error.name === 'MaxRetriesPerRequestError';
  return lost ? 'the connection was lost before the answer came' : messageOf(error);
}

/** Replies after which this connection is to be dropped, since it leads to the wrong server. */
export function isWrongServer(error: unknown): boolean {
  return ['READONLY', 'MASTERDOWN'].includes(replyCode(error));
}
