import type { Scenario } from '../scenario';
import type { ScenarioName } from '../scenario-titles';
import { ackLatency } from './ack-latency';
import { backlog } from './backlog';
import { collectorMemory } from './collector-memory';
import { endToEnd, endToEndEmbedded } from './end-to-end';
import { publishStream } from './publish-stream';
import { streamEvents } from './stream-events';
import { workerDrain } from './worker-drain';
import { workerStore } from './worker-store';

export const SCENARIOS: Readonly<Record<ScenarioName, Scenario>> = {
  'stream-events': streamEvents,
  'publish-stream': publishStream,
  'end-to-end': endToEnd,
  'end-to-end-embedded': endToEndEmbedded,
  'worker-drain': workerDrain,
  'worker-store': workerStore,
  'ack-latency': ackLatency,
  backlog,
  'collector-memory': collectorMemory,
};
