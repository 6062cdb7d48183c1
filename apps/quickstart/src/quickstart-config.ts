import { resolve } from 'node:path';
import { queueConfigFields } from '@event-pipeline/queue';
import { storeUrlType } from '@event-pipeline/store';
import {
  type ConfigOf,
  defaultPort,
  defineConfig,
  env,
  listenPort,
  text,
} from '@event-pipeline/runtime';

/**
 * What the quickstart itself has to know of the environment. The programs get all of it and judge
 * it by their own definitions; only what is set here goes before.
 */
export const quickstartConfig = defineConfig({
  queueUrl: queueConfigFields.queueUrl,
  redisHost: env('REDIS_HOST', text({ maxLength: 255 }), {
    optional: true,
    description: 'host of Redis, which is used instead of the embedded queue where this is set',
  }),
  redisPort: queueConfigFields.redisPort,
  storeUrl: env('STORE_URL', storeUrlType, {
    optional: true,
    description: 'where processed events are kept; unset: the folder .data/store',
  }),
  collectorHost: env('COLLECTOR_HOST', text({ maxLength: 255 }), {
    default: '127.0.0.1',
    description: 'address the collector listens on',
  }),
  collectorPort: env('COLLECTOR_PORT', listenPort(), {
    default: defaultPort(50_051),
    description: 'port of the collector, gRPC',
  }),
  collectorHttpHost: env('COLLECTOR_HTTP_HOST', text({ maxLength: 255 }), {
    default: '127.0.0.1',
    description: "address of the collector's HTTP port",
  }),
  collectorHttpPort: env('COLLECTOR_HTTP_PORT', listenPort(), {
    default: defaultPort(9_101),
    description: 'HTTP port of the collector',
  }),
  workerHttpHost: env('WORKER_HTTP_HOST', text({ maxLength: 255 }), {
    default: '127.0.0.1',
    description: "address of the worker's HTTP port",
  }),
  workerHttpPort: env('WORKER_HTTP_PORT', listenPort(), {
    default: defaultPort(9_102),
    description: 'HTTP port of the worker',
  }),
});

export type QuickstartConfig = ConfigOf<typeof quickstartConfig>;

/** Where the queue is, as QUEUE_URL for the programs; unset they find Redis by REDIS_HOST. */
export function queueUrlFor(config: QuickstartConfig, dataFolder: string): string | undefined {
  if (config.queueUrl !== undefined) return config.queueUrl;
  return config.redisHost === undefined ? `embedded:${resolve(dataFolder, 'queue')}` : undefined;
}

/** Where events are stored, as STORE_URL for the worker. */
export function storeUrlFor(config: QuickstartConfig, dataFolder: string): string {
  return config.storeUrl ?? `embedded:${resolve(dataFolder, 'store')}`;
}
