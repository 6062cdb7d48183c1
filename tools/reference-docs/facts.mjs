import { createRequire } from 'node:module';
import { build } from 'esbuild';
import { inWorkspace } from '../workspace/paths.mjs';
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
  const loaded = await load([
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

/** Runs TypeScript lines as if they stood in a file at the root of the workspace. */
async function load(lines) {
  const { outputFiles } = await build({
    stdin: { contents: lines.join('\n'), resolveDir: inWorkspace(), loader: 'ts' },
    tsconfig: inWorkspace('tsconfig.base.json'),
    absWorkingDir: inWorkspace(),
    bundle: true,
    write: false,
    format: 'cjs',
    platform: 'node',
    packages: 'external',
    logLevel: 'silent',
  });
  const module = { exports: {} };
  const require = createRequire(inWorkspace('package.json'));
  new Function('module', 'exports', 'require', outputFiles[0].text)(
    module,
    module.exports,
    require,
  );
  return module.exports;
}
