import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { RejectionCode } from '@event-pipeline/contracts';
import { reasonName } from '../ingest/event-ingestor';
import { STATUS_OF } from './status-mapping';

const text = readFileSync(join(__dirname, '../../../../docs/errors.md'), 'utf8');

/** The rows of the table whose head begins with these cells, as far as they go. */
function tableOf(...head: readonly string[]): readonly (readonly string[])[] {
  const lines = text.split('\n').map(cellsOf);
  const start = lines.findIndex((cells) => head.every((cell, at) => cells[at] === cell));
  if (start < 0) throw new Error(`docs/errors.md has no table with ${head.join(', ')}`);
  const rows = lines.slice(start + 2);
  const end = rows.findIndex((cells) => cells.length === 0);
  return rows.slice(0, end).map((cells) => cells.slice(0, head.length));
}

function cellsOf(line: string): readonly string[] {
  if (!line.startsWith('|')) return [];
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll('`', ''));
}

describe('docs/errors.md', () => {
  it('names each error code with its gRPC status and retry hint, and no other', () => {
    const declared = Object.entries(STATUS_OF).map(([code, { status: number, retryDelayMs }]) => [
      code,
      status[number],
      retryDelayMs === undefined ? 'none' : `${retryDelayMs} ms`,
    ]);
    expect(tableOf('Code', 'gRPC status', 'Retry hint').toSorted()).toEqual(declared.toSorted());
  });

  it('names each rejection code with its reason in metrics, and no other', () => {
    const { REJECTION_CODE_UNSPECIFIED: neverSent, UNRECOGNIZED: unknown } = RejectionCode;
    const declared = Object.values(RejectionCode)
      .filter((code) => typeof code === 'number')
      .filter((code) => code !== neverSent && code !== unknown)
      .map((code) => [RejectionCode[code], reasonName(code)]);
    expect(tableOf('Code', 'Reason in metrics').toSorted()).toEqual(declared.toSorted());
  });
});
