import { env, integer } from '@event-pipeline/runtime';

const MIB = 1_048_576;
const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;
const limit = (max: number) => integer({ min: 1, max });

/** What a client of the gRPC port may cost, beside the limits of requests and events. */
export const limitConfigFields = {
  maxConnections: env('COLLECTOR_MAX_CONNECTIONS', limit(1_000_000), {
    default: 10_000,
    description: 'connections to the gRPC port in all; further ones are closed',
  }),
  maxConnectionsPerAddress: env('COLLECTOR_MAX_CONNECTIONS_PER_ADDRESS', limit(1_000_000), {
    default: 2_500,
    description: 'connections from one address; a proxy is one address',
  }),
  handshakeMs: env('COLLECTOR_HANDSHAKE_MS', limit(10 * MINUTE_MS), {
    default: 10_000,
    description: 'how long a new connection may take until it speaks HTTP/2',
    unit: 'ms',
  }),
  connectionIdleMs: env('COLLECTOR_CONNECTION_IDLE_MS', limit(DAY_MS), {
    default: 10 * MINUTE_MS,
    description: 'how long a connection may be without a call',
    unit: 'ms',
  }),
  connectionAgeMs: env('COLLECTOR_CONNECTION_AGE_MS', limit(30 * DAY_MS), {
    default: DAY_MS,
    description:
      'age at which a connection is asked to end, a tenth more or less; its client opens another',
    unit: 'ms',
  }),
  connectionAgeGraceMs: env('COLLECTOR_CONNECTION_AGE_GRACE_MS', limit(DAY_MS), {
    default: 10 * MINUTE_MS,
    description: 'how long its open calls may go on then, before they are answered and it is cut',
    unit: 'ms',
  }),
  streamIdleMs: env('COLLECTOR_STREAM_IDLE_MS', limit(DAY_MS), {
    default: 30 * MINUTE_MS,
    description: 'how long a stream may be open without a further message; then it is answered',
    unit: 'ms',
  }),
  requestTimeMs: env('COLLECTOR_REQUEST_TIME_MS', limit(60 * MINUTE_MS), {
    default: MINUTE_MS,
    description:
      'how long a message may take from its first byte to its last; twice that for a whole unary call',
    unit: 'ms',
  }),
  maxUnfinishedBytes: env('COLLECTOR_MAX_UNFINISHED_BYTES', limit(4_096 * MIB), {
    default: 32 * MIB,
    description: 'bytes of messages that have not come whole, in all; then the slowest is cut',
    unit: 'bytes',
  }),
  maxMetadataBytes: env('COLLECTOR_MAX_METADATA_BYTES', limit(MIB), {
    default: 16_384,
    description: 'largest metadata of a call, names, values and 32 for each entry',
    unit: 'bytes',
  }),
  maxPingsPerMinute: env('COLLECTOR_MAX_PINGS_PER_MINUTE', limit(1_000_000), {
    default: 120,
    description: 'pings of a connection to which nothing is sent meanwhile',
  }),
  maxResetsPerMinute: env('COLLECTOR_MAX_RESETS_PER_MINUTE', limit(1_000_000), {
    default: 1_000,
    description: 'calls of a connection that end by a reset: cancelled ones',
  }),
  penaltyMs: env('COLLECTOR_PENALTY_MS', integer({ min: 0, max: 60 * MINUTE_MS }), {
    default: 1_000,
    description:
      'how long an address may open no further connection after a flood; those it has stay',
    unit: 'ms',
  }),
};
