import { loadTypeScript } from '../workspace/load-typescript.mjs';
import { readContract } from './contract.mjs';

/** Which definition each program reads. */
const PROGRAMS = {
  collector: ['apps/collector/src/collector-config', 'collectorConfig'],
  worker: ['apps/worker/src/worker-config', 'workerConfig'],
  producer: ['apps/producer/src/producer-config', 'producerConfig'],
  'queue-cli': ['apps/queue-cli/src/queue-cli-config', 'queueCliConfig'],
  quickstart: ['apps/quickstart/src/quickstart-config', 'quickstartConfig'],
};

/**
 * What the code declares: the variables of each program, the options of producer and queue command, the metrics, the
 * error codes and the contract. Read from the sources, so nothing has to be built before.
 */
export async function readFacts() {
  const loaded = await loadTypeScript([
    `export { describeConfig, ERROR_CODES } from '@event-pipeline/runtime';`,
    `export { OPTIONS } from './apps/producer/src/option-table';`,
    `export { OPTIONS as QUEUE_OPTIONS, COMMANDS } from './apps/queue-cli/src/option-table';`,
    `export { METRICS } from './libs/telemetry/src/metric-names';`,
    ...Object.values(PROGRAMS).map(([file, name]) => `export { ${name} } from './${file}';`),
  ]);
  const { describeConfig, ERROR_CODES, OPTIONS, QUEUE_OPTIONS, COMMANDS, METRICS, ...definitions } =
    loaded;
  const programs = Object.fromEntries(
    Object.entries(PROGRAMS).map(([program, [, definition]]) => [
      program,
      describeConfig(definitions[definition]),
    ]),
  );
  const metrics = Object.values(METRICS);
  return {
    programs,
    options: OPTIONS,
    queueOptions: QUEUE_OPTIONS,
    queueCommands: COMMANDS,
    metrics,
    errorCodes: ERROR_CODES,
    contract: readContract(),
  };
}
