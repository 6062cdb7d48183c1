import type { QueueFigures } from './queue-figures';
import { quantileBound } from './metrics-text';
import type { Place } from './place';

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
  /** When the worker was ready. */
  readonly before: QueueFigures;
  readonly after: QueueFigures;
  readonly seconds: number;
  /** When the first event was about to be sent. */
  readonly sentFrom: QueueFigures;
  /** Whether there is a store at all. */
  readonly stores: boolean;
}

/** What became of some events. */
export interface Fate {
  readonly processed: number;
  readonly dead: number;
  readonly left: number;
}

/** What became of the events that this run has sent. */
export function fateOfSent({ before, after }: Pick<RunResult, 'before' | 'after'>): Fate {
  const earlier = fateOfEarlier({ before, after });
  return {
    processed: Math.max(0, after.processed - before.processed - earlier.processed),
    dead: Math.max(0, after.dead - before.dead - earlier.dead),
    left: Math.max(0, after.left - earlier.left),
  };
}

/** What became of those that were in the queue when it began. */
export function fateOfEarlier({ before, after }: Pick<RunResult, 'before' | 'after'>): Fate {
  const processed = after.earlierProcessed - before.earlierProcessed;
  const dead = after.earlierDead - before.earlierDead;
  return { processed, dead, left: Math.max(0, before.left - processed - dead) };
}

/**
 * How many of the sent events the store took. The worker counts them together with those from before,
 * each of which it has stored as well where it was not stored already; ids of sent events are new.
 */
function storedOfSent({ before, after }: RunResult): number {
  const already = after.storedBefore - before.storedBefore;
  const earlier = Math.max(0, fateOfEarlier({ before, after }).processed - already);
  return Math.max(0, after.stored - before.stored - earlier);
}

/** True when every event that was asked for was processed; those from before do not count. */
export function isComplete(result: RunResult): boolean {
  return fateOfSent(result).processed >= result.wanted;
}

export function summaryText(result: RunResult): string {
  const { producer, sentFrom, after, seconds } = result;
  const { processed, dead, left } = fateOfSent(result);
  const perSecond = seconds > 0 ? Math.round(processed / seconds) : 0;
  const counts: readonly (readonly [string, number, string])[] = [
    ['sent', producer.sent, ''],
    ['acknowledged', producer.acknowledged, ''],
    ...(producer.rejected > 0 ? ([['rejected', producer.rejected, '']] as const) : []),
    ['processed', processed, ''],
    ...(result.stores ? ([['stored', storedOfSent(result), '']] as const) : []),
    ['dead', dead, ''],
    ['left in the queue', left, ''],
    ['end to end', perSecond, ` events/s (${processed === 0 ? '-' : seconds.toFixed(2)} s)`],
  ];
  const lines = counts.map(
    ([name, value, unit]) => `  ${name.padEnd(18)}${grouped(value).padStart(12)}${unit}`,
  );
  // They waited from before the run: theirs are the longest times.
  const earlier = after.earlierProcessed - sentFrom.earlierProcessed;
  const [p50, p99] = [0.5, 0.99].map((share) =>
    quantileBound(sentFrom.endToEnd, after.endToEnd, share, earlier),
  );
  if (p50 !== undefined && p99 !== undefined) {
    lines.push(
      `  ${'latency'.padEnd(18)}p50 ${atMost(p50)}, p99 ${atMost(p99)}`,
      `  ${''.padEnd(18)}(received to processed, by the worker's histogram)`,
    );
  }
  return [...lines, ...earlierLines(result)].join('\n');
}

/** What was there before, apart: none of it is counted above. */
function earlierLines(result: RunResult): string[] {
  const { before } = result;
  if (before.left === 0 && before.dead === 0) return [];
  const { processed, dead, left } = fateOfEarlier(result);
  const counts: readonly (readonly [string, number])[] = [
    ['processed', processed],
    ['became dead', dead],
    ['left in the queue', left],
    ['dead before', before.dead],
  ];
  const lines = counts.map(([name, value]) => `  ${name.padEnd(18)}${grouped(value).padStart(12)}`);
  return ['', 'From before this run:', ...lines];
}

/** Why a run is not complete, as far as the figures tell, and where to look. */
export function shortfallText(result: RunResult, place: Place): string {
  const { wanted, producer } = result;
  const { processed, dead, left } = fateOfSent(result);
  const parts = [`${grouped(wanted - processed)} of ${grouped(wanted)} events were not processed.`];
  if (producer.acknowledged < wanted) parts.push('Not all were acknowledged.');
  if (dead > 0) parts.push('Some became dead letters.');
  if (left > 0) parts.push('Some are still in the queue.');
  const command = dead > 0 ? 'npm run queue -- dead list' : 'npm run queue -- depth';
  const look = dead + left > 0 ? `\nLook at them: ${withVariables(place.variables, command)}` : '';
  return `${parts.join(' ')} Logs: ${place.logs}${look}\n`;
}

/** What waits in the queue before anything is sent; undefined where nothing does. */
export function backlogText({ left, delayed, dead }: QueueFigures): string | undefined {
  const parts: string[] = [];
  if (left > delayed) parts.push(`${grouped(left - delayed)} are pending and go first`);
  if (delayed > 0)
    parts.push(`${grouped(delayed)} are delayed and come again when their time has come`);
  if (dead > 0) parts.push(`${grouped(dead)} are dead letters and stay`);
  return parts.length === 0 ? undefined : `Events from before: ${parts.join(';\n  ')}.`;
}

/** How far a run had got when it was stopped. */
export function stoppedText(producer: ProducerSummary, { processed, dead, left }: Fate): string {
  const { sent, acknowledged } = producer;
  const counts: readonly (readonly [number, string])[] = [
    [sent, 'sent'],
    [acknowledged, 'acknowledged'],
    [processed, 'processed'],
    [dead, 'dead'],
    [left, 'left in the queue'],
  ];
  return `So far: ${counts.map(([count, what]) => `${grouped(count)} ${what}`).join(', ')}.`;
}

/** What keeps a run from its end, while it waits. */
export function waitingText({ delayed, dead }: QueueFigures): string {
  return `  waiting: ${grouped(delayed)} events are delayed, ${grouped(dead)} are dead letters`;
}

function atMost(seconds: number): string {
  if (seconds === Infinity) return '> 2 h';
  return seconds < 1 ? `≤ ${Math.round(seconds * 1_000)} ms` : `≤ ${seconds} s`;
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

export function tryNextText({ addresses, store, variables }: Place): string {
  const { grpc, workerHttp } = addresses;
  const elsewhere = grpc.port === 50_051 ? '' : ` --collector ${grpc}`;
  return [
    'Try next, in another terminal:',
    `  more events   node dist/apps/producer/main.js --count 100000${elsewhere}`,
    `  an own event  echo '{"type":"hello","data":{"to":"you"}}' |`,
    `                  node dist/apps/producer/main.js --file -${elsewhere}`,
    ...(store.look === undefined ? [] : [`  the store     ${store.look}`]),
    `  the queue     ${withVariables(variables, 'npm run queue -- depth')}`,
    `  dead letters  ${withVariables(variables, 'npm run queue -- dead list')}`,
    `  is all right? ${withVariables(variables, 'npm run doctor')}`,
    `  the figures   curl -s http://${workerHttp}/metrics | grep ^pipeline_`,
    'Or stop this one and start it again with:',
    '  own handlers  WORKER_HANDLERS=./examples/handlers/my-handlers.js npm start',
    '  Redis         REDIS_HOST=localhost npm start',
  ].join('\n');
}

/** A command with the variables before it, in a second line where that makes the line too long. */
export function withVariables(variables: string, command: string): string {
  if (variables === '') return command;
  const inOne = `${variables} ${command}`;
  return inOne.length <= 64 ? inOne : `${variables} \\\n                  ${command}`;
}

/** A whole number with separators: 10,000. */
export function grouped(value: number): string {
  return value.toLocaleString('en-US');
}
