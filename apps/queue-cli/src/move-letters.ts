import { grouped } from '@event-pipeline/command-line';
import type { Queue } from '@event-pipeline/queue';
import { letterPages, type CallQueue } from './letter-pages';
import type { MoveCommand } from './queue-cli-options';

/** What `dead redrive --json` and `dead purge --json` print. Member names are stable. */
export interface MoveReport {
  readonly command: 'redrive' | 'purge';
  readonly dryRun: boolean;
  /** Letters that were looked at. */
  readonly looked: number;
  /** Those of them that were meant. */
  readonly chosen: number;
  /** Those that were moved or dropped; 0 in a dry run. */
  readonly moved: number;
  /** Those that were gone when their turn came: somebody else, or a call without an answer, had them. */
  readonly gone: number;
  /** Those that were meant, by their reasons. */
  readonly reasons: Readonly<Record<string, number>>;
  /** False where it was stopped, or broke off, before all were looked at. */
  readonly complete: boolean;
}

/** How far a redrive or a purge has got. */
export class MoveTally {
  looked = 0;
  chosen = 0;
  moved = 0;
  gone = 0;
  complete = false;
  private readonly reasons = new Map<string, number>();

  countReason(reason: string): void {
    this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
  }

  report({ name, dryRun }: MoveCommand): MoveReport {
    const { looked, chosen, moved, gone, complete } = this;
    const reasons = Object.fromEntries(this.reasons);
    return { command: name, dryRun, looked, chosen, moved, gone, reasons, complete };
  }
}

/**
 * Moves the letters that are meant, a page at a time, each page in one atomic step. Stops between two
 * steps when the signal aborts.
 */
export async function moveLetters(
  queue: Queue,
  { name, choice, dryRun }: MoveCommand,
  tally: MoveTally,
  call: CallQueue,
  signal: AbortSignal,
): Promise<void> {
  for await (const { partition, looked, chosen, missing } of letterPages(queue, choice, call)) {
    if (signal.aborted) return;
    const ids = chosen.map(({ letter }) => letter.id);
    const moved =
      dryRun || ids.length === 0 ? [] : await call(() => queue.deadLetters[name](partition, ids));
    const count = moved.filter(Boolean).length;
    tally.looked += looked;
    tally.chosen += chosen.length;
    tally.moved += count;
    tally.gone += missing + moved.length - count;
    for (const { letter } of chosen) tally.countReason(letter.reason);
  }
  tally.complete = !signal.aborted;
}

const DONE = { redrive: 'put back into the queue', purge: 'dropped' } as const;
const WOULD = { redrive: 'would be put back into the queue', purge: 'would be dropped' } as const;

/** The figures for people. */
export function formatMove(report: MoveReport): string {
  const { command, dryRun, looked, chosen, moved, gone, reasons } = report;
  const what = dryRun
    ? `${letters(chosen)} ${WOULD[command]} (dry run: nothing was changed)`
    : `${letters(moved)} ${DONE[command]}`;
  const lines = [`${what}, of ${grouped(looked)} looked at`];
  for (const [reason, count] of Object.entries(reasons))
    lines.push(`  ${reason}: ${grouped(count)}`);
  if (gone > 0) lines.push(`  gone meanwhile: ${grouped(gone)}`);
  return `${lines.join('\n')}\n`;
}

function letters(count: number): string {
  return `${grouped(count)} dead ${count === 1 ? 'letter' : 'letters'}`;
}
