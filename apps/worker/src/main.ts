import { runProgram } from '@event-pipeline/runtime';
import { createProgramLogger } from '@event-pipeline/telemetry';
import { createWorker } from './create-worker';
import { workerConfig } from './worker-config';

void runProgram({
  name: 'worker',
  summary: 'Takes events from the queue, hands them to their handlers and settles them.',
  config: workerConfig,
  graceMs: (config) => config.graceMs,
  logger: createProgramLogger,
  build: createWorker,
});
