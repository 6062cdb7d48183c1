import { defineConfig, env, text, tlsProblems } from '@event-pipeline/runtime';
import { clientTlsConfigFields, clientTlsVariables } from './client-tls-config';

/** What the producer reads from the environment; everything else comes from its command line. */
export const producerConfig = defineConfig(
  {
    collectorAddress: env('COLLECTOR_ADDRESS', text(), {
      default: 'localhost:50051',
      description: 'Where the collector listens, as host:port; --collector overrides it',
    }),
    ...clientTlsConfigFields,
  },
  { check: (config) => tlsProblems(clientTlsVariables(config), 'client') },
);
