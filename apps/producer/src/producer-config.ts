import { defineConfig, env, text, tlsProblems } from '@event-pipeline/runtime';
import { clientTlsConfigFields, clientTlsVariables } from './client-tls-config';

/** What the producer reads from the environment; everything else comes from its command line. */
export const producerConfig = defineConfig(
  {
    collectorAddress: env('COLLECTOR_ADDRESS', text(), {
      default: 'localhost:50051',
      description: 'Where the collector listens, as host:port; --collector overrides it',
    }),
    collectorToken: env('COLLECTOR_TOKEN', text({ maxLength: 8_192, secret: true }), {
      optional: true,
      description:
        'Bearer token for the collector; a file that COLLECTOR_TOKEN_FILE names is read again when it changes',
    }),
    ...clientTlsConfigFields,
  },
  { check: (config) => tlsProblems(clientTlsVariables(config), 'client') },
);
