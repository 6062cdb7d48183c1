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
    case 'CORRUPT':
      return new PipelineError(
        'QUEUE_CORRUPT',
        `someone else wrote into the queue: ${messageOf(error).replace(/^CORRUPT /, '')}`,
        { cause: error },
      );
    case 'MOVED':
      return new PipelineError(
        'QUEUE_UNAVAILABLE',
        'Redis is a node of a cluster: QUEUE_URL must begin with redis+cluster://',
        { cause: error },
      );
    default:
      return new PipelineError('QUEUE_UNAVAILABLE', `Redis: ${reasonOf(error)}`, { cause: error });
  }
}

function reasonOf(error: unknown): string {
  return isConnectionLost(error)
    ? 'the connection was lost before the answer came'
    : messageOf(error);
}

/** What ioredis says when a connection breaks under a command, or cannot be made for it. */
export function isConnectionLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === 'MaxRetriesPerRequestError' || error.message === 'Connection is closed.';
}

/** Codes of Node's TLS for a certificate that nobody known has signed. */
const UNTRUSTED =
  /^(?:SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_(?:VERIFY|GET)_\w+)$/;

/**
 * Why a link failed, in words for the one line about the outage.
 *
 * @param underlying what is known besides: it counts where the error says no more than that a
 *   connection closed
 */
export function outageReason(error: unknown, underlying?: unknown): string {
  const known = underlying !== undefined && saysOnlyClosed(error) ? underlying : error;
  const cause = causeOf(known);
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return UNTRUSTED.test(code)
    ? `its certificate is not trusted (${messageOf(cause)}): name its CA in NODE_EXTRA_CA_CERTS`
    : messageOf(cause);
}

function saysOnlyClosed(error: unknown): boolean {
  const cause = causeOf(error);
  if (isConnectionLost(cause)) return true;
  if (!(cause instanceof Error)) return false;
  return isConnectionLost(cause.cause) || /Last error: Connection is closed\.$/.test(cause.message);
}

/** The error that tells most, where ioredis or Node wrap it. */
function causeOf(error: unknown): unknown {
  // A cluster of which no node answered: what the last one did is what helps.
  const { lastNodeError } = (error ?? {}) as { lastNodeError?: unknown };
  if (lastNodeError instanceof Error) return causeOf(lastNodeError);
  // Where every address of a name failed, Node gives their errors and no message.
  if (error instanceof AggregateError && error.message === '') return causeOf(error.errors[0]);
  return error;
}

/** The user that this connection has may not do that (ACL): asking again is pointless until it may. */
export function isForbidden(error: unknown): boolean {
  if (error instanceof PipelineError) return isForbidden(error.cause);
  return replyCode(error) === 'NOPERM';
}

/** Replies after which this connection is to be dropped, since it leads to the wrong server. */
export function isWrongServer(error: unknown): boolean {
  return ['READONLY', 'MASTERDOWN'].includes(replyCode(error));
}

/** The server has no database of the number that is configured, or does not let it be used. */
export function isDatabaseRefused(error: unknown): boolean {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return false;
  return (error as { command?: { name?: string } }).command?.name === 'select';
}
