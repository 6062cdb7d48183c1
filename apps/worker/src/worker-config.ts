import {
  defaultPort,
  defineConfig,
  env,
  integer,
  listenPort,
  text,
  tlsProblems,
  type ConfigOf,
} from '@event-pipeline/runtime';
import { DEFAULT_RETRY_POLICY, MAX_BATCH_EVENTS, queueConfigFields } from '@event-pipeline/queue';
import { storeConfigFields } from '@event-pipeline/store';
import {
  httpTlsConfigFields,
  httpTlsVariables,
  loggingConfigFields,
  tracingConfigFields,
} from '@event-pipeline/telemetry';

const MIB = 1_048_576;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export const workerConfig = defineConfig(
  {
    concurrency: env('WORKER_CONCURRENCY', integer({ min: 1, max: 256 }), {
      default: 4,
      description:
        'leases worked on side by side; with 1, handlers of the single form get events in order',
    }),
    batchSize: env('WORKER_BATCH_SIZE', integer({ min: 1, max: MAX_BATCH_EVENTS }), {
      default: 500,
      description: 'most events in a lease',
      unit: 'events',
    }),
    batchBytes: env('WORKER_BATCH_BYTES', integer({ min: 1, max: 256 * MIB }), {
      default: 4 * MIB,
      description: 'most bytes in a lease of more than one event',
      unit: 'bytes',
    }),
    leaseMs: env('WORKER_LEASE_MS', integer({ min: 1_000, max: HOUR_MS }), {
      default: 30_000,
      description: 'after this long without a sign of life from a worker, others get its events',
      unit: 'ms',
    }),
    maxAttempts: env('WORKER_MAX_ATTEMPTS', integer({ min: 1, max: 1_000 }), {
      default: DEFAULT_RETRY_POLICY.maxAttempts,
      description: 'deliveries of an event to its handler; the last that fails makes a dead letter',
    }),
    retryBaseDelayMs: env('WORKER_RETRY_BASE_DELAY_MS', integer({ min: 0, max: HOUR_MS }), {
      default: DEFAULT_RETRY_POLICY.baseDelayMs,
      description:
        'longest delay after the first failure of an event; doubles with each further one',
      unit: 'ms',
    }),
    retryMaxDelayMs: env('WORKER_RETRY_MAX_DELAY_MS', integer({ min: 0, max: DAY_MS }), {
      default: DEFAULT_RETRY_POLICY.maxDelayMs,
      description: 'longest delay between two attempts, whatever their number',
      unit: 'ms',
    }),
    retryMaxAgeMs: env('WORKER_RETRY_MAX_AGE_MS', integer({ min: 0, max: 365 * DAY_MS }), {
      default: DEFAULT_RETRY_POLICY.maxAgeMs,
      description: 'a failure this long after the first one makes a dead letter; 0: no limit',
      unit: 'ms',
    }),
    handlerTimeoutMs: env('HANDLER_TIMEOUT_MS', integer({ min: 0, max: DAY_MS }), {
      default: 60_000,
      description:
        'a handler that takes longer for an event is abandoned and has failed; ten times as long ' +
        'for a batch; 0: no limit',
      unit: 'ms',
    }),
    handlers: env('WORKER_HANDLERS', text(), {
      optional: true,
      description:
        'JavaScript module that exports handlers by event type, relative to the current directory; ' +
        'unset: events are only counted',
    }),
    processingTimeMs: env('PROCESSING_TIME_MS', integer({ min: 0, max: HOUR_MS }), {
      default: 0,
      description: 'simulated work: a wait before each event is handled',
      unit: 'ms',
    }),
    httpHost: env('WORKER_HTTP_HOST', text({ maxLength: 255 }), {
      default: '127.0.0.1',
      description: 'address of the HTTP port',
    }),
    httpPort: env('WORKER_HTTP_PORT', listenPort(), {
      default: defaultPort(9_102),
      description: 'HTTP port of /livez, /readyz and /metrics; unset and taken: any free port',
    }),
    graceMs: env('WORKER_SHUTDOWN_GRACE_MS', integer({ min: 1, max: HOUR_MS }), {
      default: 20_000,
      description: 'how long handlers have to finish at an orderly stop; the rest is given back',
      unit: 'ms',
    }),
    ...httpTlsConfigFields,
    ...queueConfigFields,
    ...storeConfigFields,
    ...loggingConfigFields,
    ...tracingConfigFields,
  },
  { check: (config) => tlsProblems(httpTlsVariables(config), 'server') },
);

export type WorkerConfig = ConfigOf<typeof workerConfig>;
