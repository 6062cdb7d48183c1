import { setLogger } from '@grpc/grpc-js';
import { receivedAtOf } from '@event-pipeline/contracts';
import { GUARANTEES, queueComponent, sampleQueue } from '@event-pipeline/queue';
import { createQueue } from '@event-pipeline/queue/create';
import {
  FlowController,
  StreamFlow,
  systemClock,
  systemRandom,
  tlsFilesOf,
  type Component,
  type TlsFiles,
} from '@event-pipeline/runtime';
import {
  Certificates,
  createHttpServer,
  createMetrics,
  httpTlsVariables,
  createTracing,
  type Logger,
  type Readiness,
} from '@event-pipeline/telemetry';
import { createAccess } from './auth/create-access';
import type { CollectorConfig } from './collector-config';
import { EventService } from './grpc/event-service';
import { GrpcServer } from './grpc/grpc-server';
import { StuckStreamWatch } from './grpc/stuck-stream-watch';
import { grpcTlsVariables } from './grpc/tls-config';
import { BatchIntake } from './ingest/batch-intake';
import { EventIngestor } from './ingest/event-ingestor';
import { PartitionBatchers } from './ingest/partition-batchers';
import { intakeMetrics, limitMetrics, loadMetrics } from './collector-metrics';
import { CallTracing } from './tracing/call-tracing';
import { ConnectionLimits } from './limits/connection-limits';
import { LoadGate } from './load/load-gate';
import { ProcessLoad, processLimits } from './load/process-load';
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
  const tracing = await createTracing(config, { name: 'collector', clock, logger });
  const calls = tracing && new CallTracing(tracing, clock);
  const observer = intakeMetrics(metrics, logger);
  const certificatesOf = (server: string, files: TlsFiles | undefined) =>
    files && new Certificates({ server, files, clock, logger, metrics });
  const grpcCertificates = certificatesOf('grpc', tlsFilesOf(grpcTlsVariables(config)));
  const httpCertificates = certificatesOf('http', tlsFilesOf(httpTlsVariables(config)));
  const access = await createAccess(config, { metrics, logger, clock });
  const queue = await createQueue(config, {
    clock,
    random,
    logger,
    observer: { dataLost: () => metrics.queueDataLost.add(1) },
  });

  const partitions = new PartitionSetting(queue, config.queuePartitions, clock, logger);

  const flow = new FlowController({
    maxEvents: config.maxInFlightEvents,
    maxBytes: config.maxInFlightBytes,
  });
  const share = {
    maxEvents: Math.min(config.maxStreamInFlightEvents, config.maxInFlightEvents),
    maxBytes: Math.min(config.maxStreamInFlightBytes, config.maxInFlightBytes),
  };
  const answers = new FlowController({ maxEvents: 1, maxBytes: config.maxAnswerBytes });
  const limits = processLimits(config.memoryLimitBytes, config.maxLoopDelayMs);
  const gate = new LoadGate(
    new ProcessLoad(clock),
    limits,
    flow,
    clock,
    loadMetrics(metrics, logger),
  );
  const checkLoad = () => gate.check();
  const { patienceMs } = config;
  const batchers = new PartitionBatchers(queue, { patienceMs }, clock, random, {
    enqueued: (events, seconds) => {
      metrics.enqueueEvents.observe(events);
      metrics.enqueueSeconds.observe(seconds);
    },
  });
  const ingestor = new EventIngestor(config, clock);
  const queueing = { ingestor, queue, batchers, random, clock, patienceMs };
  const service = new EventService({
    access: access.calls,
    ingestor,
    batchers,
    newStreamFlow: () => new StreamFlow(flow, share),
    answers,
    checkLoad,
    observer,
    clock,
    tracing: calls,
    batches: new BatchIntake(queueing, flow, observer, config.maxRequestEvents, checkLoad, calls),
    onInternalError: (error, call) =>
      logger.error({ ...call, err: error }, 'a call failed: internal error'),
  });
  const limitHit = limitMetrics(metrics, logger, clock);
  const connections = new ConnectionLimits(config, service, clock, random, limitHit);
  const transport = { limits: connections, certificates: grpcCertificates };
  const server = new GrpcServer(config, service, clock, logger, transport);
  const setServing = (available: boolean) => server.setServing(available);
  const probe = new QueueProbe(queue, clock, setServing, config.queueStrict);
  const stuck = new StuckStreamWatch(service, clock, logger);

  metrics.beforeScrape(() => {
    metrics.inFlightEvents.set(flow.events);
    metrics.inFlightBytes.set(flow.bytes);
    metrics.answerBytes.set(answers.bytes);
    metrics.connections.set(connections.connections);
    metrics.unfinishedBytes.set(connections.unfinishedBytes);
    metrics.memoryLimit.set(limits.residentBytes, { kind: 'memory' });
    metrics.memoryLimit.set(limits.heapBytes, { kind: 'heap' });
  });
  metrics.sampleQueue(() => sampleQueue(queue, receivedAtOf, clock.now()));
  const http = createHttpServer({
    name: 'http-server',
    host: config.httpHost,
    ...config.httpPort,
    portVariable: 'COLLECTOR_HTTP_PORT',
    readiness: () => Promise.resolve(readiness(service, probe, gate)),
    metrics,
    logger,
    ...(httpCertificates && { certificates: httpCertificates }),
  });

  // Stopped in reverse: the server drains while batchers and queue still work.
  return [
    ...(httpCertificates ? [httpCertificates] : []),
    http,
    ...(tracing ? [tracing] : []),
    queueComponent(queue),
    partitions,
    batchers,
    gate,
    stuck,
    probe,
    connections,
    ...access.components(service),
    ...(grpcCertificates ? [grpcCertificates] : []),
    server,
  ];
}

function readiness(service: EventService, probe: QueueProbe, gate: LoadGate): Readiness {
  if (service.isDraining) return { ready: false, reason: 'the collector is shutting down' };
  const { available, health, problem } = probe;
  const details = health && {
    durability: health.durability,
    guarantee: GUARANTEES[health.durability],
    findings: health.findings?.filter(({ level }) => level !== 'ok') ?? [],
    ...(gate.problem !== undefined && { shedding: gate.problem }),
  };
  return { ready: available, reason: available ? 'ok' : problem, ...(details && { details }) };
}

/** grpc-js prints on stderr what it also reports to its caller; here it is a debug line. */
function logInsteadOfPrinting(logger: Logger): void {
  // With GRPC_TRACE it also tells the metadata of calls, tokens among them.
  const withoutToken = (text: string) => text.replace(/(authorization"?\s*:\s*)\S.*/gis, '$1***');
  const log = (...words: unknown[]) =>
    logger.debug({}, withoutToken(`grpc-js: ${words.map(String).join(' ')}`));
  setLogger({ error: log, info: log, debug: log });
}
