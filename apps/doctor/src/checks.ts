import { receivedAtOf } from '@event-pipeline/contracts';
import { GUARANTEES } from '@event-pipeline/queue';
import { examineQueue } from '@event-pipeline/queue/create';
import {
  fineFinding,
  problemFinding,
  warningFinding,
  type Clock,
  type Finding,
  type Random,
} from '@event-pipeline/runtime';
import { examineStore } from '@event-pipeline/store/create';
import { createLogger } from '@event-pipeline/telemetry';
import type { DoctorConfig } from './doctor-config';
import { judgeMachine, thisMachine } from './machine-check';
import { checkGrpcPort, checkHttpPort } from './port-check';
import type { Check, Section } from './run-checks';

/** Everything that the doctor looks at. */
export function allChecks(
  config: DoctorConfig,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): readonly Check[] {
  return [
    {
      title: 'This machine',
      run: async () => [{ title: 'This machine', findings: judgeMachine(thisMachine()) }],
    },
    { title: 'Queue', run: () => queueSections(config, clock, random) },
    { title: 'Store', run: () => storeSection(config, clock) },
    { title: 'Ports', run: () => portSection(config, clock) },
  ];
}

async function queueSections(
  config: DoctorConfig,
  clock: Clock,
  random: Random,
): Promise<readonly Section[]> {
  // Every line of its log is a finding here.
  const logger = createLogger({
    name: 'doctor',
    level: 'fatal',
    format: 'json',
    destination: { write: () => undefined, flush: () => undefined },
  });
  const examined = await examineQueue(config, { clock, random, logger, receivedAtOf });
  const { place, server, health, contents } = examined;
  const guarantee: Finding[] =
    health === undefined ? [] : [guaranteeFinding(health.durability, config.queueStrict)];
  const sections = [{ title: `Queue: ${place}`, findings: [...server, ...guarantee] }];
  return contents.length === 0
    ? sections
    : [...sections, { title: `In the queue "${config.queueName}"`, findings: contents }];
}

function guaranteeFinding(durability: keyof typeof GUARANTEES, strict: boolean): Finding {
  const guarantee = GUARANTEES[durability];
  if (durability === 'disk') return fineFinding('durability', `${durability}: ${guarantee}`);
  const value = `${durability}: ${guarantee}`;
  const make = durability === 'unknown' && !strict ? warningFinding : problemFinding;
  const means = strict ? 'with QUEUE_STRICT events are refused' : 'see what to change above';
  return make('durability', value, means);
}

async function storeSection(config: DoctorConfig, clock: Clock): Promise<readonly Section[]> {
  const { place, findings } = await examineStore(config, clock);
  return [{ title: `Store: ${place}`, findings }];
}

async function portSection(config: DoctorConfig, clock: Clock): Promise<readonly Section[]> {
  const { collectorPort, collectorToken, collectorHttpPort, workerHttpPort } = config;
  const [grpc, collector, worker] = await Promise.all([
    checkGrpcPort(collectorPort, clock, collectorToken),
    checkHttpPort('collector', collectorHttpPort.port, 'COLLECTOR_HTTP_PORT'),
    checkHttpPort('worker', workerHttpPort.port, 'WORKER_HTTP_PORT'),
  ]);
  return [{ title: 'Ports', findings: [grpc, collector, worker] }];
}
