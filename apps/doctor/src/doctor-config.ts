import {
  defaultPort,
  defineConfig,
  env,
  listenPort,
  port,
  text,
  type ConfigOf,
} from '@event-pipeline/runtime';
import { queueConfigFields } from '@event-pipeline/queue';
import { storeConfigFields } from '@event-pipeline/store';

/** What the doctor has to know of the programs that it looks for; the same variables as theirs. */
export const doctorConfig = defineConfig({
  ...queueConfigFields,
  ...storeConfigFields,
  collectorPort: env('COLLECTOR_PORT', port(), {
    default: 50_051,
    description: 'port of the gRPC server',
  }),
  collectorToken: env('COLLECTOR_TOKEN', text({ maxLength: 8_192, secret: true }), {
    optional: true,
    description: 'bearer token to be tried on the collector',
  }),
  collectorHttpPort: env('COLLECTOR_HTTP_PORT', listenPort(), {
    default: defaultPort(9_101),
    description: 'HTTP port of the collector',
  }),
  workerHttpPort: env('WORKER_HTTP_PORT', listenPort(), {
    default: defaultPort(9_102),
    description: 'HTTP port of the worker',
  }),
});

export type DoctorConfig = ConfigOf<typeof doctorConfig>;
