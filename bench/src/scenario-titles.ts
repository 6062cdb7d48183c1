/** Every scenario, in the order in which they run. */
export const SCENARIO_TITLES = {
  'stream-events': 'StreamEvents, one event a message, from h2load',
  'publish-stream': 'PublishEventStream, 500 events a batch, from a pre-encoded client',
  'end-to-end': 'own producer to processed by the worker, on Redis',
  'end-to-end-embedded': 'the same on the embedded engine',
  'worker-drain': 'worker alone, a backlog, empty handler',
  'worker-store': 'worker into PostgreSQL',
  'ack-latency': 'acknowledgement latency at 20 % of the highest rate',
  backlog: 'throughput with a backlog of 10,000,000 against 10,000',
  'collector-memory': 'resident memory of the collector at full load',
} as const;

export type ScenarioName = keyof typeof SCENARIO_TITLES;
