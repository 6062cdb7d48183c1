import { runProgram } from '@event-pipeline/runtime';
import { createProgramLogger } from '@event-pipeline/telemetry';
import { collectorConfig } from './collector-config';
import { createCollector } from './create-collector';

void runProgram({
  name: 'collector',
  summary: 'Takes events over gRPC and acknowledges them once the queue has made them durable.',
  config: collectorConfig,
  graceMs: (config) => config.graceMs,
  logger: createProgramLogger,
  build: createCollector,
});
