import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import {
  faultRows,
  wrongLogTexts,
  wrongMetrics,
  wrongProofs,
  wrongStatuses,
  type FaultRow,
  type KnownAnswers,
} from './fault-table';
import { programSources, textsIn } from './read-sources';

const root = join(__dirname, '../..');
const text = readFileSync(join(root, 'docs/errors.md'), 'utf8');
const rows = faultRows(text);

/** Rows are never numbered anew: people refer to them. */
const ROWS = [
  ...Array.from({ length: 66 }, (_, n) => String(n + 1)),
  '38a',
  ...['60a', '60b', '60c', '60d', '60e', '63a'],
];

/** The other tables of the document, which a test of the collector holds to its code. */
const known: KnownAnswers = {
  statuses: Object.keys(status).filter((name) => Number.isNaN(Number(name))),
  statusOf: new Map(
    [...text.matchAll(/^\| `([A-Z_]+)` +\| `([A-Z_]+)` +\|/gm)].map(([, code = '', of = '']) => [
      code,
      of,
    ]),
  ),
  rejections: [...text.matchAll(/^\| `(REJECTION_CODE_[A-Z_]+)`/gm)].map(([, code = '']) => code),
};

const facts = execFileSync(process.execPath, [join(root, 'tools/reference-docs.mjs'), '--facts']);
const { metrics } = JSON.parse(facts.toString()) as {
  readonly metrics: readonly { readonly name: string; readonly labels: readonly string[] }[];
};
const logTexts = programSources(root).flatMap(textsIn);

/** What is wrong with each row, by its number. */
const problems = (look: (row: FaultRow) => readonly string[]) =>
  rows.flatMap((row) => look(row).map((problem) => `${row.row}: ${problem}`));

describe('the faults in docs/errors.md', () => {
  it('are all there, each once', () => {
    expect(rows.map(({ row }) => row).toSorted()).toEqual(ROWS.toSorted());
  });

  it('say something in every cell', () => {
    expect(problems((row) => Object.entries(row).flatMap(([k, v]) => (v ? [] : [k])))).toEqual([]);
  });

  it('name only statuses of gRPC, and error codes with the status that they have', () => {
    expect(known.rejections.length).toBeGreaterThan(5);
    expect(known.statusOf.size).toBeGreaterThan(10);
    expect(problems((row) => wrongStatuses(row, known))).toEqual([]);
  });

  it('name only metrics and labels that there are', () => {
    expect(problems((row) => wrongMetrics(row, metrics))).toEqual([]);
  });

  it('quote only what a program logs', () => {
    expect(problems((row) => wrongLogTexts(row, logTexts))).toEqual([]);
  });

  it('name tests that there are, or say why there is none', () => {
    expect(problems((row) => wrongProofs(row, root))).toEqual([]);
  });
});

describe('the check of a row', () => {
  const good: FaultRow = {
    row: '1',
    fault: 'a fault',
    seen: '`UNAVAILABLE` (`DRAINING`)',
    counted: '`pipeline_calls_failed_total{code="DRAINING"}`',
    logged: '"Redis at … is not reachable; trying again until it is"',
    proved: '`tools/fault-table/fault-table.spec.ts`: "are all there, each once"',
  };
  const check = (changes: Partial<FaultRow>): number => {
    const row = { ...good, ...changes };
    return [
      ...wrongStatuses(row, known),
      ...wrongMetrics(row, metrics),
      ...wrongLogTexts(row, logTexts),
      ...wrongProofs(row, root),
    ].length;
  };

  it('finds nothing in a good one', () => {
    expect(check({})).toBe(0);
    expect(check({ proved: 'Not proved here: there is no such thing in a test.' })).toBe(0);
  });

  it.each<[string, Partial<FaultRow>]>([
    ['a status that gRPC does not have', { seen: '`GONE`' }],
    ['an error code with another status', { seen: '`INTERNAL` (`DRAINING`)' }],
    ['a metric that there is not', { counted: '`pipeline_calls_total`' }],
    ['a label that the metric has not', { counted: '`pipeline_calls_failed_total{why="x"}`' }],
    ['a text that nobody logs', { logged: '"Redis has left the building"' }],
    ['a file that there is not', { proved: '`tools/nothing.spec.ts`: "are all there, each once"' }],
    ['a test that there is not', { proved: '`tools/fault-table/fault-table.spec.ts`: "are all"' }],
    [
      'a case that it.each does not have',
      { proved: '`tools/fault-table/fault-table.spec.ts`: "finds a thing of no case"' },
    ],
    ['a file without a test', { proved: '`tools/fault-table/fault-table.spec.ts`' }],
    ['no proof and no reason', { proved: 'Trust us.' }],
  ])('finds %s', (_, changes) => {
    expect(check(changes)).toBe(1);
  });

  it('knows the cases of it.each by their texts', () => {
    const file = '`tools/fault-table/fault-table.spec.ts`';
    expect(check({ proved: `${file}: "finds a text that nobody logs"` })).toBe(0);
    expect(check({ proved: `${file}: "finds %s"` })).toBe(0);
  });
});
