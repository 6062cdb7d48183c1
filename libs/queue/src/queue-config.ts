import { checkedText, env, flag, integer, text } from '@event-pipeline/runtime';
import { QUEUE_URL_FORM, queueUrlProblem, shownQueueUrl } from './queue-location';

const queueUrl = checkedText(QUEUE_URL_FORM, { problemOf: queueUrlProblem, show: shownQueueUrl });

/**
 * Defaults of the queue's limits: no queue grows without one. 1 GiB of events needs about 1.2 GiB of
 * Redis' memory, and up to twice that for a moment while Redis rewrites its file (its fork copies what
 * changes meanwhile): so it fits a machine of 4 GiB, and the map of 16 GiB of the embedded queue. It
 * holds 4 million events of 250 bytes: an hour without any worker at 1,000 events a second. The number
 * of events bounds what each costs beside its bytes (a retry takes 200 of them).
 */
const DEFAULT_MAX_EVENTS = 10_000_000;
const DEFAULT_MAX_BYTES = 1_073_741_824;

/** The variables that say where the queue is, for every program that uses it. */
export const queueConfigFields = {
  queueUrl: env('QUEUE_URL', queueUrl, {
    optional: true,
    description:
      'where the queue is, on Redis or in a folder; unset: redis://REDIS_HOST:REDIS_PORT',
  }),
  queueName: env('QUEUE_NAME', text({ maxLength: 64 }), {
    default: 'event_queue',
    description: 'name of the queue: the list of this name in Redis holds its backlog',
  }),
  redisHost: env('REDIS_HOST', text({ maxLength: 255 }), {
    default: 'localhost',
    description: 'host of Redis, where QUEUE_URL is unset',
  }),
  redisPort: env('REDIS_PORT', integer({ min: 1, max: 65_535 }), {
    default: 6_379,
    description: 'port of Redis, where QUEUE_URL is unset',
  }),
  redisCommandTimeoutMs: env('REDIS_COMMAND_TIMEOUT_MS', integer({ min: 100, max: 60_000 }), {
    default: 5_000,
    description: 'how long Redis may take to answer; then the connection is dropped',
    unit: 'ms',
  }),
  queueMaxEvents: env('QUEUE_MAX_EVENTS', integer({ min: 0, max: 10_000_000_000 }), {
    default: DEFAULT_MAX_EVENTS,
    description:
      'most events the queue holds, dead letters included; then intake is refused; 0: no limit',
    unit: 'events',
  }),
  queueMaxBytes: env('QUEUE_MAX_BYTES', integer({ min: 0, max: 1_000_000_000_000_000 }), {
    default: DEFAULT_MAX_BYTES,
    description: 'most bytes of events the queue holds, dead letters included; 0: no limit',
    unit: 'bytes',
  }),
  queueStrict: env('QUEUE_STRICT', flag(), {
    default: false,
    description:
      'refuse events while the queue does not have each acknowledged one on disk; workers go on',
  }),
};
