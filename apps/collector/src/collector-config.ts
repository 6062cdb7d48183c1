import {
  defaultPort,
  defineConfig,
  env,
  integer,
  listenPort,
  port,
  text,
  tlsProblems,
  type ConfigOf,
} from '@event-pipeline/runtime';
import { MAX_PARTITIONS, queueConfigFields } from '@event-pipeline/queue';
import {
  httpTlsConfigFields,
  httpTlsVariables,
  loggingConfigFields,
  tracingConfigFields,
} from '@event-pipeline/telemetry';
import { authConfigFields, authProblems } from './auth/auth-config';
import { grpcTlsConfigFields, grpcTlsVariables } from './grpc/tls-config';
import { limitConfigFields } from './limits/limits-config';

const MIB = 1_048_576;
const limit = (max: number) => integer({ min: 1, max });

export const collectorConfig = defineConfig(
  {
    host: env('COLLECTOR_HOST', text({ maxLength: 255 }), {
      default: '127.0.0.1',
      description: 'address that the gRPC port listens on; 0.0.0.0 for every interface',
    }),
    port: env('COLLECTOR_PORT', port(), {
      default: 50_051,
      description: 'port of the gRPC server',
    }),
    httpHost: env('COLLECTOR_HTTP_HOST', text({ maxLength: 255 }), {
      default: '127.0.0.1',
      description: 'address of the HTTP port',
    }),
    httpPort: env('COLLECTOR_HTTP_PORT', listenPort(), {
      default: defaultPort(9_101),
      description: 'HTTP port of /livez, /readyz and /metrics; unset and taken: any free port',
    }),
    ...grpcTlsConfigFields,
    ...httpTlsConfigFields,
    ...queueConfigFields,
    queuePartitions: env('QUEUE_PARTITIONS', integer({ min: 1, max: MAX_PARTITIONS }), {
      optional: true,
      description:
        'partitions of the queue: it is given more, or fewer where those are empty; unset: as it is',
    }),
    maxInFlightEvents: env('COLLECTOR_MAX_IN_FLIGHT_EVENTS', limit(10_000_000), {
      default: 100_000,
      description: 'events read and not yet durable, all streams together; then reading stops',
      unit: 'events',
    }),
    maxInFlightBytes: env('COLLECTOR_MAX_IN_FLIGHT_BYTES', limit(4_096 * MIB), {
      default: 16 * MIB,
      description: 'their bytes, all streams together; then reading stops',
      unit: 'bytes',
    }),
    maxStreamInFlightEvents: env('COLLECTOR_MAX_IN_FLIGHT_EVENTS_PER_STREAM', limit(10_000_000), {
      default: 25_000,
      description: 'events of one stream read and not yet durable; then reading from it stops',
      unit: 'events',
    }),
    maxStreamInFlightBytes: env('COLLECTOR_MAX_IN_FLIGHT_BYTES_PER_STREAM', limit(4_096 * MIB), {
      default: 4 * MIB,
      description: 'their bytes; a single request may be larger',
      unit: 'bytes',
    }),
    maxAnswerBytes: env('COLLECTOR_MAX_ANSWER_BYTES', limit(4_096 * MIB), {
      default: 16 * MIB,
      description:
        'memory for answers that streams of batches have not taken, all together; then reading stops',
      unit: 'bytes',
    }),
    memoryLimitBytes: env(
      'COLLECTOR_MEMORY_LIMIT_BYTES',
      integer({ min: 64 * MIB, max: 2 ** 50 }),
      {
        optional: true,
        description:
          'resident memory above which new events are refused, at best twice what an idle collector has (85 MiB) or more; unset: 80 % of what the container or the machine has',
        unit: 'bytes',
      },
    ),
    maxLoopDelayMs: env('COLLECTOR_MAX_LOOP_DELAY_MS', limit(60_000), {
      default: 500,
      description: 'delay of the event loop above which new events are refused',
      unit: 'ms',
    }),
    patienceMs: env('COLLECTOR_QUEUE_PATIENCE_MS', limit(60_000), {
      default: 10_000,
      description:
        'how long an event waits for an unreachable queue before UNAVAILABLE is answered',
      unit: 'ms',
    }),
    graceMs: env('COLLECTOR_SHUTDOWN_GRACE_MS', limit(600_000), {
      default: 20_000,
      description: 'how long an orderly stop may take',
      unit: 'ms',
    }),
    maxRequestBytes: env('COLLECTOR_MAX_REQUEST_BYTES', limit(64 * MIB), {
      default: 4 * MIB,
      description: 'largest request; a larger one ends its call with RESOURCE_EXHAUSTED',
      unit: 'bytes',
    }),
    maxRequestEvents: env('COLLECTOR_MAX_REQUEST_EVENTS', limit(20_000), {
      default: 10_000,
      description: 'most events of one PublishEvents request; more are RESOURCE_EXHAUSTED',
      unit: 'events',
    }),
    maxStreamsPerConnection: env('COLLECTOR_MAX_STREAMS_PER_CONNECTION', limit(10_000), {
      default: 100,
      description: 'calls that one connection may have open at once',
    }),
    ...limitConfigFields,
    ...authConfigFields,
    maxDataBytes: env('EVENT_MAX_DATA_BYTES', limit(MIB), {
      default: MIB / 4,
      description: 'largest data of an event',
      unit: 'bytes',
    }),
    maxAttributes: env('EVENT_MAX_ATTRIBUTES', limit(1_024), {
      default: 64,
      description: 'most attributes of an event',
    }),
    maxAttributeBytes: env('EVENT_MAX_ATTRIBUTE_BYTES', limit(65_536), {
      default: 1_024,
      description: 'longest attribute, name and value together',
      unit: 'bytes',
    }),
    maxFieldBytes: env('EVENT_MAX_FIELD_BYTES', limit(65_536), {
      default: 256,
      description: 'longest source, partition key, schema version and content type',
      unit: 'bytes',
    }),
    ...loggingConfigFields,
    ...tracingConfigFields,
  },
  {
    check: (config) => [
      ...authProblems(config),
      ...(config.port !== 0 && config.port === config.httpPort.port
        ? [`COLLECTOR_PORT and COLLECTOR_HTTP_PORT are both ${config.port}; expected two ports`]
        : []),
      ...(config.maxDataBytes > config.maxRequestBytes
        ? ['EVENT_MAX_DATA_BYTES is larger than COLLECTOR_MAX_REQUEST_BYTES; expected at most that']
        : []),
      ...(config.maxUnfinishedBytes < config.maxRequestBytes
        ? [
            'COLLECTOR_MAX_UNFINISHED_BYTES is smaller than COLLECTOR_MAX_REQUEST_BYTES; expected at least that',
          ]
        : []),
      ...tlsProblems(grpcTlsVariables(config), 'server'),
      ...tlsProblems(httpTlsVariables(config), 'server'),
    ],
  },
);

export type CollectorConfig = ConfigOf<typeof collectorConfig>;
