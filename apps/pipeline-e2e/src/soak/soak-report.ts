import type { QueueStats } from '@event-pipeline/queue';
import type { Violation } from '../harness/invariants';
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
    `# Soak: ${report.minutes} minutes on the ${report.engine} engine, seed ${report.seed}`,
    '',
    `Begun ${report.startedAt}, Node.js ${report.node}. Repeat it with`,
    `\`npm run soak -- --minutes ${report.minutes} --seed ${report.seed} --engine ${report.engine} --store ${report.store}\`.`,
    '',
    `**${VERDICTS[report.verdict]}** ${injected} faults, ${report.checks} checks.`,
    '',
    '## Events',
    '',
    ...table(
      ['What', 'Events'],
      [
        ['sent', ledger.sent],
        ['acknowledged', ledger.acknowledged],
        ['refused for good, as they should be', ledger.refused],
        ['unknown: given up without an answer', ledger.unknown],
        ['without an answer at the end', ledger.open],
        ['sent again under their batch id', report.resent],
        ['sent again without one', report.resentWithoutId],
        ['enqueued', queue?.enqueued ?? '-'],
        ['batches recognised as duplicates', queue?.duplicateBatches ?? '-'],
        ['leases that ran out', queue?.expiredLeases ?? '-'],
        ['delivered to handlers more than once', report.duplicateDeliveries ?? '-'],
        ['found at the end, different ones', report.stored ?? '-'],
        ['dead letters', report.dead ?? '-'],
      ],
    ),
    '',
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

const VERDICTS = {
  held: 'Every promise held.',
  broken: 'A promise was broken.',
  interrupted: 'Interrupted before the end; nothing is proven.',
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
