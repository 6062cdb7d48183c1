import { setLogger } from '@grpc/grpc-js';
import { receivedAtOf } from '@event-pipeline/contracts';
import { queueComponent, sampleQueue } from '@event-pipeline/queue';
import { createQueue } from '@event-pipeline/queue/create';
import { FlowController, systemClock, systemRandom, type Component } from '@event-pipeline/runtime';
import {
  createHttpServer,
  createMetrics,
  type Logger,
  type Metrics,
  type Readiness,
} from '@event-pipeline/telemetry';
import type { CollectorConfig } from './collector-config';
import { EventService } from './grpc/event-service';
import { GrpcServer } from './grpc/grpc-server';
import { BatchIntake } from './ingest/batch-intake';
import { EventIngestor, reasonName } from './ingest/event-ingestor';
import { PartitionBatchers } from './ingest/partition-batchers';
import type { IntakeObserver } from './intake-observer';
import { keepMemorySmall } from './memory-policy';
import { PartitionSetting } from './partition-setting';
import { QueueProbe } from './queue-probe';

/** Wires the collector's parts together, in the order in which they start. */
export async function createCollector(
  config: CollectorConfig,
  logger: Logger,
): Promise<readonly Component[]> {
  keepMemorySmall();
  logInsteadOfPrinting(logger);
  const clock = systemClock;
  const random = systemRandom;
  const metrics = createMetrics();
  const observer = intakeMetrics(metrics, logger);
  const queue = await createQueue(config, { clock, random, logger });

  const partitions = new PartitionSetting(queue, config.queuePartitions, clock, logger);

  const flow = new FlowController({
    maxEvents: config.maxInFlightEvents,
    maxBytes: config.maxInFlightBytes,
  });
  const { patienceMs } = config;
  const batchers = new PartitionBatchers(queue, { patienceMs }, clock, random, {
    enqueued: (_, seconds) => metrics.enqueueSeconds.observe(seconds),
  });
  const ingestor = new EventIngestor(config, clock);
  const queueing = { ingestor, queue, batchers, random, clock, patienceMs };
  const service = new EventService({
    ingestor,
    batchers,
    flow,
    observer,
    clock,
    batches: new BatchIntake(queueing, flow, observer, config.maxRequestEvents),
    onInternalError: (error) => logger.error({ err: error }, 'a call failed: internal error'),
  });
  const server = new GrpcServer(config, service, clock, logger);
  const probe = new QueueProbe(queue, clock, (available) => server.setServing(available));

  metrics.beforeScrape(() => {
    metrics.inFlightEvents.set(flow.events);
    metrics.inFlightBytes.set(flow.bytes);
  });
  metrics.sampleQueue(() => sampleQueue(queue, receivedAtOf, clock.now()));
  const http = createHttpServer({
    name: 'http-server',
    host: config.httpHost,
    ...config.httpPort,
    portVariable: 'COLLECTOR_HTTP_PORT',
    readiness: () => Promise.resolve(readiness(service, probe)),
    metrics,
    logger,
  });

  // Stopped in reverse: the server drains while batchers and queue still work.
  return [http, queueComponent(queue), partitions, batchers, probe, server];
}

function readiness(service: EventService, probe: QueueProbe): Readiness {
  if (service.isDraining) return { ready: false, reason: 'the collector is shutting down' };
  return { ready: probe.available, reason: probe.available ? 'ok' : probe.problem };
}

/** grpc-js prints on stderr what it also reports to its caller; here it is a debug line. */
function logInsteadOfPrinting(logger: Logger): void {
  const log = (...words: unknown[]) => logger.debug({}, `grpc-js: ${words.map(String).join(' ')}`);
  setLogger({ error: log, info: log, debug: log });
}

function intakeMetrics(metrics: Metrics, logger: Logger): IntakeObserver {
  return {
    received: (events) => metrics.eventsReceived.add(events),
    accepted: (events) => metrics.eventsAccepted.add(events),
    duplicate: (events) => metrics.eventsDuplicate.add(events),
    failed: (code) => metrics.callsFailed.add(1, { code }),
    acknowledged: (seconds) => metrics.ackSeconds.observe(seconds),
    rejected: ({ code, eventId, message }) => {
      metrics.eventsRejected.add(1, { reason: reasonName(code) });
      if (logger.isDebug()) logger.debug({ eventId, reason: reasonName(code) }, message);
    },
    abandoned: (pendingEvents) =>
      logger.debug({ pendingEvents }, 'a client went away in the middle of its stream'),
    answerFailed: (reason) => logger.debug({ reason }, 'an answer could not be sent'),
  };
}
