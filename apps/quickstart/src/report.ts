import type { Addresses } from './addresses';
import type { QueueFigures } from './queue-figures';
import { quantileBound } from './metrics-text';

/** What the producer's --json says, as far as it is shown here. */
export interface ProducerSummary {
  readonly sent: number;
  readonly acknowledged: number;
  readonly rejected: number;
  /** Of sending, up to the last acknowledgement. */
  readonly seconds: number;
}

/** A run, from the first event sent to the last one processed. */
export interface RunResult {
  readonly wanted: number;
  readonly producer: ProducerSummary;
  readonly before: QueueFigures;
  readonly after: QueueFigures;
  readonly seconds: number;
  /** Whether there is a store at all. */
  readonly stores: boolean;
}

export function processedIn({ before, after }: RunResult): number {
  return after.processed - before.processed;
}

/** True when every event that was asked for was processed. */
export function isComplete(result: RunResult): boolean {
  return processedIn(result) >= result.wanted;
}

export function summaryText(result: RunResult): string {
  const { producer, before, after, seconds } = result;
  const processed = processedIn(result);
  const perSecond = seconds > 0 ? Math.round(processed / seconds) : 0;
  const counts: readonly (readonly [string, number, string])[] = [
    ['sent', producer.sent, ''],
    ['acknowledged', producer.acknowledged, ''],
    ...(producer.rejected > 0 ? ([['rejected', producer.rejected, '']] as const) : []),
    ['processed', processed, ''],
    ...(result.stores ? ([['stored', after.stored - before.stored, '']] as const) : []),
    ['dead', after.dead - before.dead, ''],
    ['left in the queue', after.left, ''],
    ['end to end', perSecond, ` events/s (${processed === 0 ? '-' : seconds.toFixed(2)} s)`],
  ];
  const lines = counts.map(
    ([name, value, unit]) => `  ${name.padEnd(18)}${grouped(value).padStart(12)}${unit}`,
  );
  const [p50, p99] = [0.5, 0.99].map((share) =>
    quantileBound(before.endToEnd, after.endToEnd, share),
  );
  if (p50 !== undefined && p99 !== undefined) {
    lines.push(
      `  ${'latency'.padEnd(18)}p50 ${atMost(p50)}, p99 ${atMost(p99)}`,
      `  ${''.padEnd(18)}(received to processed, by the worker's histogram)`,
    );
  }
  return lines.join('\n');
}

function atMost(seconds: number): string {
  if (seconds === Infinity) return '> 2 h';
  return seconds < 1 ? `≤ ${Math.round(seconds * 1_000)} ms` : `≤ ${seconds} s`;
}

/** Where events are stored, for people. */
export interface PlaceOfStore {
  readonly text: string;
  /** A command that shows something of what is stored; undefined where there is no such. */
  readonly look?: string;
}

/** What a run lives on. */
export interface Place {
  readonly addresses: Addresses;
  /** Where the queue is, for people. */
  readonly queue: string;
  readonly store: PlaceOfStore;
  readonly logs: string;
}

export function listeningText({ addresses, queue, store, logs }: Place): string {
  return [
    'Running until Ctrl-C:',
    `  gRPC       ${addresses.grpc}, with reflection and health`,
    `  collector  http://${addresses.collectorHttp}  /livez /readyz /metrics`,
    `  worker     http://${addresses.workerHttp}  /livez /readyz /metrics`,
    `  queue      ${queue}`,
    `  store      ${store.text}`,
    `  logs       ${logs}/collector.log, worker.log`,
  ].join('\n');
}

export function tryNextText({ addresses, store }: Place): string {
  const { grpc, workerHttp } = addresses;
  const elsewhere = grpc.port === 50_051 ? '' : ` --collector ${grpc}`;
  return [
    'Try next, in another terminal:',
    `  more events   node dist/apps/producer/main.js --count 100000${elsewhere}`,
    `  an own event  echo '{"type":"hello","data":{"to":"you"}}' |`,
    `                  node dist/apps/producer/main.js --file -${elsewhere}`,
    ...(store.look === undefined ? [] : [`  the store     ${store.look}`]),
    `  the figures   curl -s http://${workerHttp}/metrics | grep ^pipeline_`,
    'Or stop this one and start it again with:',
    '  own handlers  WORKER_HANDLERS=./examples/handlers/my-handlers.js npm start',
    '  Redis         REDIS_HOST=localhost npm start',
  ].join('\n');
}

/** A whole number with separators: 10,000. */
export function grouped(value: number): string {
  return value.toLocaleString('en-US');
}
