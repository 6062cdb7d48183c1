import { PipelineError, type Clock, type ConfigOf, type Random } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';
import type { Queue } from './queue';
import type { queueConfigFields } from './queue-config';

export type QueueConfig = ConfigOf<typeof queueConfigFields>;

export interface QueueDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Opens the queue that the configuration names: the only file that knows both engines, each of
 * which is loaded when it is used.
 *
 * Resolves also while Redis is out of reach; calls then reject with QUEUE_UNAVAILABLE until it is
 * back. Throws CONFIG_INVALID for a URL or a folder that cannot be used.
 */
export async function createQueue(
  config: QueueConfig,
  dependencies: QueueDependencies,
): Promise<Queue> {
  const location = queueLocation(config);
  const limits = { maxEvents: config.queueMaxEvents, maxBytes: config.queueMaxBytes };
  const options = { name: config.queueName, limits };
  if (location.engine === 'embedded') {
    const { openEmbeddedQueue } = await import('./embedded/embedded-queue');
    return openEmbeddedQueue({ ...options, path: location.path }, dependencies);
  }
  const { openRedisQueue } = await import('./redis/redis-queue');
  const commandTimeoutMs = config.redisCommandTimeoutMs;
  return openRedisQueue({ ...options, url: location.url, commandTimeoutMs }, dependencies);
}

export type QueueLocation =
  | { readonly engine: 'redis'; readonly url: string }
  | { readonly engine: 'embedded'; readonly path: string };

const FORMS = 'redis://[user:password@]host:port[/db], rediss://… or embedded:FOLDER';

/** @throws PipelineError CONFIG_INVALID in one line; a password in the URL is not shown. */
export function queueLocation(
  config: Pick<QueueConfig, 'queueUrl' | 'redisHost' | 'redisPort'>,
): QueueLocation {
  const { queueUrl, redisHost, redisPort } = config;
  if (queueUrl === undefined) return { engine: 'redis', url: `redis://${redisHost}:${redisPort}` };
  const embedded = /^embedded:(?:\/\/(?=\/))?(.+)$/.exec(queueUrl);
  if (embedded?.[1]) return { engine: 'embedded', path: embedded[1] };
  if (/^rediss?:\/\//.test(queueUrl) && URL.canParse(queueUrl)) {
    const { hostname, pathname } = new URL(queueUrl);
    if (hostname !== '' && /^(?:\/\d*)?$/.test(pathname)) return { engine: 'redis', url: queueUrl };
  }
  const shown = queueUrl.replace(/\/\/[^@/]*@/, '//***@');
  throw new PipelineError('CONFIG_INVALID', `QUEUE_URL is ${shown}; expected ${FORMS}`);
}
