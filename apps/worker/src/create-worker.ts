import {
  decodeStoredEvent,
  isSameEvent,
  receivedAtOf,
  type StoredEvent,
} from '@event-pipeline/contracts';
import {
  Consumer,
  DEFAULT_HANDLER,
  type EventCodec,
  type EventHandler,
} from '@event-pipeline/consumer';
import { queueComponent, sampleQueue, type Queue } from '@event-pipeline/queue';
import { createQueue } from '@event-pipeline/queue/create';
import { systemClock, systemRandom, tlsFilesOf, type Component } from '@event-pipeline/runtime';
import { createRetentionDuty, storeComponent, type EventStore } from '@event-pipeline/store';
import { createStore, type StoreDependencies } from '@event-pipeline/store/create';
import {
  Certificates,
  createHttpServer,
  createMetrics,
  LoopDelayDuty,
  httpTlsVariables,
  createTracing,
  type Logger,
  type Metrics,
} from '@event-pipeline/telemetry';
import { createEventStoreSink } from './event-store-sink';
import { createDefaultHandler, type DefaultHandler } from './handlers/default-handler';
import { loadHandlers } from './handlers/load-handlers';
import { withSimulatedWork } from './handlers/simulated-work';
import { leaseTracing } from './lease-tracing';
import type { WorkerConfig } from './worker-config';
import { workerMetrics } from './worker-metrics';

const codec: EventCodec<StoredEvent> = {
  decode: decodeStoredEvent,
  typeOf: ({ type }) => type,
  idOf: ({ eventId }) => eventId,
};

/** Wires the worker's parts together, in the order in which they start. */
export async function createWorker(
  config: WorkerConfig,
  logger: Logger,
): Promise<readonly Component[]> {
  const clock = systemClock;
  const random = systemRandom;
  const byDefault = createDefaultHandler();
  const own = config.handlers === undefined ? [] : await loadHandlers(config.handlers);
  const handlers = new Map<string, EventHandler<StoredEvent>>([
    [DEFAULT_HANDLER, byDefault.handle],
    ...own,
  ]);

  const metrics = createMetrics();
  const files = tlsFilesOf(httpTlsVariables(config));
  const certificates = files && new Certificates({ server: 'http', files, clock, logger, metrics });
  const tracing = await createTracing(config, { name: 'worker', clock, logger });
  const queue = await createQueue(config, {
    clock,
    random,
    logger,
    observer: { dataLost: () => metrics.queueDataLost.add(1) },
  });
  const store = await openStore(config, { clock, random, logger }, () => queue.close());
  metrics.sampleQueue(() => sampleQueue(queue, receivedAtOf, clock.now()));
  const consumer = new Consumer<StoredEvent>({
    queue,
    codec,
    handlers: withSimulatedWork(handlers, config, clock),
    clock,
    random,
    logger,
    observer: workerMetrics(metrics, clock),
    ...(tracing && { traceLease: leaseTracing(tracing) }),
    ...(store !== undefined && { sink: createEventStoreSink({ store, metrics, clock, logger }) }),
    concurrency: config.concurrency,
    batchSize: config.batchSize,
    batchBytes: config.batchBytes,
    leaseMs: config.leaseMs,
    retryPolicy: {
      maxAttempts: config.maxAttempts,
      baseDelayMs: config.retryBaseDelayMs,
      maxDelayMs: config.retryMaxDelayMs,
      maxAgeMs: config.retryMaxAgeMs,
    },
    handlerTimeoutMs: config.handlerTimeoutMs,
  });
  metrics.beforeScrape(() => {
    const { events, bytes } = consumer.inFlight();
    metrics.inFlightEvents.set(events);
    metrics.inFlightBytes.set(bytes);
  });
  const http = createHttpServer({
    name: 'http-server',
    host: config.httpHost,
    ...config.httpPort,
    portVariable: 'WORKER_HTTP_PORT',
    stalled: () => consumer.stalledReason(),
    readiness: () => readiness(queue, store, consumer),
    metrics,
    logger,
    ...(certificates && { certificates }),
  });

  // Stopped in reverse: the consumer drains while the queue and the store still work.
  return [
    ...(certificates ? [certificates] : []),
    http,
    new LoopDelayDuty(clock, (seconds) => metrics.loopDelaySeconds.observe(seconds)),
    ...(tracing ? [tracing] : []),
    queueComponent(queue),
    ...(store === undefined ? [] : storeParts(store, config, { clock, random, logger }, metrics)),
    announced(consumer, config, handlers.keys(), byDefault, logger),
  ];
}

type Basics = Pick<StoreDependencies, 'clock' | 'random' | 'logger'>;

/** Undefined where none is configured. What was opened before is closed where this fails. */
async function openStore(
  config: WorkerConfig,
  basics: Basics,
  closeOthers: () => Promise<void>,
): Promise<EventStore | undefined> {
  try {
    return await createStore(config, { ...basics, sameContent: isSameEvent });
  } catch (error) {
    await closeOthers();
    throw error;
  }
}

function storeParts(
  store: EventStore,
  { storeRetentionDays: days }: WorkerConfig,
  basics: Basics,
  metrics: Metrics,
): Component[] {
  const onDeleted = (events: number) => metrics.storeExpired.add(events);
  const retention = createRetentionDuty({ ...basics, store, days, onDeleted });
  return [storeComponent(store), ...(days > 0 ? [retention] : [])];
}

async function readiness(
  queue: Pick<Queue, 'health'>,
  store: Pick<EventStore, 'health'> | undefined,
  consumer: Consumer<StoredEvent>,
) {
  const stalled = consumer.stalledReason();
  if (stalled !== undefined) return { ready: false, reason: stalled };
  const paused = consumer.pausedReason();
  if (paused !== undefined) return { ready: false, reason: paused };
  await queue.health();
  await store?.health();
  return { ready: true, reason: 'ok' };
}

/** The consumer, with the lines that tell people of its start and its end. */
function announced(
  consumer: Component,
  config: WorkerConfig,
  types: Iterable<string>,
  byDefault: DefaultHandler,
  logger: Logger,
): Component {
  const { concurrency, batchSize, queueName } = config;
  return {
    name: consumer.name,
    start: async () => {
      await consumer.start();
      logger.info(
        { concurrency, batchSize, handlers: [...types] },
        `Worker started. Waiting for events from the queue "${queueName}" ...`,
      );
    },
    stop: async (signal) => {
      await consumer.stop(signal);
      const byType = byDefault.counts();
      if (Object.keys(byType).length > 0)
        logger.info({ byType }, 'events without a handler of their own');
    },
  };
}
