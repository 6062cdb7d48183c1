import { queueConfigFields } from '@event-pipeline/queue';
import { defineConfig, type ConfigOf } from '@event-pipeline/runtime';

/** What the command line reads from the environment: where the queue is, as every program does. */
export const queueCliConfig = defineConfig(queueConfigFields);

export type QueueCliConfig = ConfigOf<typeof queueCliConfig>;
