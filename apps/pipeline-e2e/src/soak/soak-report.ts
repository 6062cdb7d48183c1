import type { QueueStats } from '@event-pipeline/queue';
import type { Invariant, Violation } from '../harness/invariants';
import type { LedgerCounts } from '../harness/load/ledger';

/** What a soak did and found. */
export interface SoakReport {
  readonly startedAt: string;
  readonly minutes: number;
  readonly seed: number;
  readonly engine: string;
  readonly store: string;
  readonly node: string;
  readonly verdict: 'held' | 'broken' | 'interrupted';
  /** Faults by kind: how often, and how long it then took until events flowed again. */
  readonly faults: Readonly<Record<string, FaultFigures>>;
  /** How often everything was looked at with the load at rest, the end included. */
  readonly checks: number;
  readonly ledger: LedgerCounts;
  /** Of the failed calls of producers, how many by status. */
  readonly failedCalls: Readonly<Record<string, number>>;
  readonly resent: number;
  readonly resentWithoutId: number;
  /** Different events where events end. Null, as what follows, where an interruption ended that, too. */
  readonly stored: number | null;
  readonly dead: number | null;
  /** Deliveries to handlers beyond the first of each event. */
  readonly duplicateDeliveries: number | null;
  readonly queue: QueueStats | null;
  readonly violations: readonly Violation[];
  /** Programs that ended by themselves, parts that did not come back. */
  readonly surprises: readonly string[];
}

export interface FaultFigures {
  readonly count: number;
  readonly medianRecoveryMs: number;
  readonly slowestRecoveryMs: number;
}

/** From the recovery times of one kind of fault. */
export function figuresOf(recoveriesMs: readonly number[]): FaultFigures {
  const sorted = [...recoveriesMs].sort((a, b) => a - b);
  return {
    count: sorted.length,
    medianRecoveryMs: Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0),
    slowestRecoveryMs: Math.round(sorted.at(-1) ?? 0),
  };
}

/** The report for people. */
export function markdownOf(report: SoakReport): string {
  const { ledger, queue } = report;
  const injected = Object.values(report.faults).reduce((sum, { count }) => sum + count, 0);
  return [
    `# Soak: ${counted(report.minutes, 'minute')} on the ${report.engine} engine, seed ${report.seed}`,
    '',
    `Started at ${report.startedAt} on Node.js ${report.node}. To repeat it:`,
    `\`npm run soak -- --minutes ${report.minutes} --seed ${report.seed} --engine ${report.engine} --store ${report.store}\``,
    '',
    `**${VERDICTS[report.verdict]}** ${counted(injected, 'fault')}, ${counted(report.checks, 'check')}.`,
    '',
    '## What was checked',
    '',
    'At each check the load is stopped, every event is answered, the queue is empty. Then:',
    '',
    ...promisesOf(report).map(([name, promise]) => `- ${name}: ${promise}.`),
    '',
    '## Events',
    '',
    ...table(
      ['What became of them', 'Events'],
      [
        ['sent', ledger.sent],
        ['acknowledged', ledger.acknowledged],
        ['refused for good, as they should be', ledger.refused],
        ['unknown', ledger.unknown],
        ['without an answer at the end', ledger.open],
        ['sent again with their batch id', report.resent],
        ['sent again without a batch id', report.resentWithoutId],
        ['enqueued', queue?.enqueued ?? '-'],
        ['delivered more than once', report.duplicateDeliveries ?? '-'],
        ['different events found at the end', report.stored ?? '-'],
        ['dead letters', report.dead ?? '-'],
      ],
    ),
    '',
    'Unknown: the producer gave up on the event without an answer, so it may have been enqueued or not; no',
    'promise covers it, except that it is not changed and not stored twice. Delivered more than once: how',
    'often a handler was given an event again, after a worker had lost its lease or its connection, or since a',
    'producer without a batch id had sent it twice. The pipeline promises at least once, and the store keeps',
    'each event once.',
    '',
    ...(queue === null
      ? []
      : [
          `The queue recognised ${counted(queue.duplicateBatches, 'batch')} sent again, and took back ${counted(queue.expiredLeases, 'lease')} that ran out.`,
          '',
        ]),
    '## Faults',
    '',
    'Recovery is the time from the end of a fault until an event was acknowledged and one processed.',
    '',
    ...table(
      ['Fault', 'Times', 'Recovery, median', 'Recovery, slowest'],
      Object.entries(report.faults).map(
        ([kind, { count, medianRecoveryMs, slowestRecoveryMs }]) => [
          kind,
          count,
          `${medianRecoveryMs} ms`,
          `${slowestRecoveryMs} ms`,
        ],
      ),
    ),
    '',
    '## Failed calls of producers',
    '',
    ...table(['Status', 'Calls'], Object.entries(report.failedCalls)),
    ...section(
      'Broken promises',
      report.violations.map(
        ({ invariant, count, examples }) => `${invariant}: ${count}, e.g. ${examples.join('; ')}`,
      ),
    ),
    ...section('Surprises', report.surprises),
    '',
  ].join('\n');
}

/** What {@link findViolations} holds to, said for people. */
const PROMISES: Readonly<Record<Invariant, string>> = {
  'no-loss':
    'every event that was acknowledged is found at the end, stored (with no store: handled) or as a dead letter',
  'refused-stays-out': 'no event that was refused for good is found',
  'nothing-invented': 'every event that is found was sent',
  'stored-once': 'no event is stored twice',
  'stored-as-sent': 'every event that is found says what it said when it was sent',
  'queued-once': 'no event was enqueued twice',
  'all-answered': 'every event got an answer, or its producer gave up on it',
  answers: 'the collector gave no answer that contradicts the contract',
  'none-dead': 'no event became a dead letter',
  conserved:
    'the counters of the queue add up: what was enqueued is processed, dead, purged or held',
  'no-backlog': 'nothing is left pending, leased or delayed',
};

/** Those that hold for this run. */
function promisesOf({ store }: SoakReport): readonly (readonly [string, string])[] {
  // Single events are sent again without a batch id, and handlers may fail for good.
  const others = ['queued-once', 'none-dead', ...(store === 'none' ? ['stored-once'] : [])];
  return Object.entries(PROMISES).filter(([name]) => !others.includes(name));
}

function counted(count: number, what: string): string {
  const plural = what.endsWith('ch') ? `${what}es` : `${what}s`;
  return `${count} ${count === 1 ? what : plural}`;
}

const VERDICTS = {
  held: 'Every promise held.',
  broken: 'A promise was broken.',
  interrupted: 'Interrupted before the end, so nothing is proven.',
} as const;

function section(title: string, lines: readonly string[]): string[] {
  if (lines.length === 0) return [];
  return ['', `## ${title}`, '', ...lines.map((line) => `- ${line.replaceAll('\n', '\n  ')}`)];
}

/** Padded, as Prettier wants it. */
function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const cells = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, at) => Math.max(3, ...cells.map((row) => row[at]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  const [first = [], ...rest] = cells.map(line);
  return [String(first), line(widths.map((width) => '-'.repeat(width))), ...rest.map(String)];
}
