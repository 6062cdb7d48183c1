import { checkedText, env, integer, text } from '@event-pipeline/runtime';
import { QUEUE_URL_FORM, queueUrlProblem, shownQueueUrl } from './queue-location';

const queueUrl = checkedText(QUEUE_URL_FORM, { problemOf: queueUrlProblem, show: shownQueueUrl });

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
    default: 0,
    description:
      'most events the queue holds, dead letters included; then intake is refused; 0: no limit',
    unit: 'events',
  }),
  queueMaxBytes: env('QUEUE_MAX_BYTES', integer({ min: 0, max: 1_000_000_000_000_000 }), {
    default: 0,
    description: 'most bytes of events the queue holds, dead letters included; 0: no limit',
    unit: 'bytes',
  }),
};
