import { messageOf, shownValue } from '@event-pipeline/runtime';
import {
  isRedisUrl,
  maskRedisUrl,
  parseRedisUrl,
  unusableUrl,
  type RedisLocation,
} from './redis-location';

/** Which engine a queue is on, and where. */
export type QueueLocation = RedisLocation | { readonly engine: 'embedded'; readonly path: string };

/** What QUEUE_URL may look like, as it follows "expected". */
export const QUEUE_URL_FORM =
  'redis://HOST:PORT, redis+sentinel://HOST:PORT,HOST:PORT/MASTER or ' +
  'redis+cluster://HOST:PORT,HOST:PORT (rediss… for TLS), with USER:PASSWORD@ before the hosts and ' +
  '/DATABASE at the end where needed, or embedded:FOLDER';

/** @throws PipelineError CONFIG_INVALID: what is wrong and what is expected, without credentials */
export function parseQueueUrl(url: string): QueueLocation {
  const embedded = /^embedded:(?:\/\/(?=\/))?(.*)$/.exec(url);
  if (embedded?.[1] === '') throw unusableUrl('it names no folder', 'embedded:FOLDER');
  if (embedded?.[1]) return { engine: 'embedded', path: embedded[1] };
  if (isRedisUrl(url)) return parseRedisUrl(url);
  throw unusableUrl('it begins with no known scheme', QUEUE_URL_FORM);
}

/** What is wrong with the URL of a queue, and what is expected; undefined where nothing is. */
export function queueUrlProblem(url: string): string | undefined {
  try {
    parseQueueUrl(url);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** The URL of a queue, right or wrong, as a message may bear it: without credentials. */
export function shownQueueUrl(url: string): string {
  return shownValue(url.startsWith('embedded:') ? url : maskRedisUrl(url));
}
