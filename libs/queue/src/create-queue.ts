import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PipelineError, type Clock, type ConfigOf, type Random } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';
import type { Queue } from './queue';
import { LocalQuotaBuckets } from './local-quota-buckets';
import type { QuotaBuckets } from './quota-buckets';
import type { QueueObserver } from './queue-observer';
import type { queueConfigFields } from './queue-config';
import { parseQueueUrl, type QueueLocation } from './queue-location';

type AllOfConfig = ConfigOf<typeof queueConfigFields>;
export { examineQueue, type QueueExamination } from './examine-queue';

/** What {@link queueConfigFields} reads. */
export type QueueConfig = Omit<AllOfConfig, 'queueStrict'> &
  Partial<Pick<AllOfConfig, 'queueStrict'>>;

export interface OpeningOptions {
  /**
   * Refuses a queue that nobody has used yet, with CONFIG_INVALID, instead of making it: for programs
   * that look at a queue that others use. With it, a Redis that is out of reach rejects.
   */
  readonly mustExist?: boolean;
}

export interface QueueDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly observer?: QueueObserver;
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
  { mustExist = false }: OpeningOptions = {},
): Promise<Queue> {
  const location = queueLocation(config);
  const limits = { maxEvents: config.queueMaxEvents, maxBytes: config.queueMaxBytes };
  const options = { name: config.queueName, limits, strict: config.queueStrict === true };
  if (location.engine === 'embedded') {
    if (mustExist) refuseEmptyFolder(location.path);
    const { openEmbeddedQueue } = await import('./embedded/embedded-queue');
    const queue = await openEmbeddedQueue(
      { ...options, path: location.path, mustExist },
      dependencies,
    );
    const folder = resolve(location.path);
    dependencies.logger.info({ folder }, `the queue is in the folder ${folder}`);
    return queue;
  }
  const { openRedisQueue } = await import('./redis/redis-queue');
  const commandTimeoutMs = config.redisCommandTimeoutMs;
  if (mustExist) {
    const { refuseUnknownQueue } = await import('./redis/queue-presence');
    const { queueName } = config;
    await refuseUnknownQueue(location, queueName, commandTimeoutMs, dependencies.logger);
  }
  return openRedisQueue({ ...options, location, commandTimeoutMs }, dependencies);
}

/** How long a bucket may take to answer, ms: less than a call of the queue, since senders wait for it. */
const QUOTA_ANSWER_MS = 1_000;

/**
 * The quotas that go with the queue that the configuration names: on its Redis, shared by all who use it;
 * with the embedded engine those of this process alone. Nothing is connected before it is used.
 */
export async function createQuotaBuckets(
  config: QueueConfig,
  { clock, logger }: Pick<QueueDependencies, 'clock' | 'logger'>,
): Promise<QuotaBuckets> {
  const location = queueLocation(config);
  if (location.engine === 'embedded') {
    return new LocalQuotaBuckets(clock);
  }
  const { RedisQuotaBuckets } = await import('./redis/redis-quota-buckets');
  const commandTimeoutMs = Math.min(config.redisCommandTimeoutMs, QUOTA_ANSWER_MS);
  return new RedisQuotaBuckets({ location, name: config.queueName, commandTimeoutMs }, logger);
}

/** @throws PipelineError CONFIG_INVALID; a configuration that was loaded has been checked for it. */
export function queueLocation({ queueUrl, redisHost, redisPort }: QueueConfig): QueueLocation {
  if (queueUrl !== undefined) return parseQueueUrl(queueUrl);
  const endpoint = { host: redisHost, port: redisPort };
  return { engine: 'redis', kind: 'server', tls: false, credentials: {}, endpoint, database: 0 };
}

function refuseEmptyFolder(path: string): void {
  if (existsSync(join(path, 'data.mdb'))) return;
  throw new PipelineError('CONFIG_INVALID', `QUEUE_URL: there is no queue in ${resolve(path)}`);
}
