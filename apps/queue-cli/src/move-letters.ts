import { grouped } from '@event-pipeline/command-line';
import type { LetterOutcome, Queue } from '@event-pipeline/queue';
import type { LetterPlace } from './letter-id';
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
  /** Those that a redrive left where they are, since they are no events; a purge drops them. */
  readonly refused: number;
  /** Those that were meant, by their reasons. */
  readonly reasons: Readonly<Record<string, number>>;
  /** False where it was stopped, or broke off, before all were looked at. */
  readonly complete: boolean;
}

/** Letters left behind that are named to a person. */
const NAMED_LETTERS = 5;

/** How far a redrive or a purge has got. */
export class MoveTally {
  looked = 0;
  chosen = 0;
  moved = 0;
  gone = 0;
  /** The ids of what was left, as far as people are shown them. */
  readonly refusedPlaces: LetterPlace[] = [];
  refused = 0;
  complete = false;
  private readonly reasons = new Map<string, number>();

  /** Counts what became of the letters of a page, each by its place in `ids`. */
  countOutcomes(
    partition: number,
    ids: readonly string[],
    outcomes: readonly LetterOutcome[],
  ): void {
    outcomes.forEach((outcome, index) => {
      this[outcome] += 1;
      const id = ids[index];
      if (outcome !== 'refused' || id === undefined) return;
      if (this.refusedPlaces.length < NAMED_LETTERS) this.refusedPlaces.push({ partition, id });
    });
  }

  countReason(reason: string): void {
    this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
  }

  report({ name, dryRun }: MoveCommand): MoveReport {
    const { looked, chosen, moved, gone, refused, complete } = this;
    const reasons = Object.fromEntries(this.reasons);
    return { command: name, dryRun, looked, chosen, moved, gone, refused, reasons, complete };
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
    const outcomes =
      dryRun || ids.length === 0 ? [] : await call(() => queue.deadLetters[name](partition, ids));
    tally.looked += looked;
    tally.chosen += chosen.length;
    tally.gone += missing;
    tally.countOutcomes(partition, ids, outcomes);
    for (const { letter } of chosen) tally.countReason(letter.reason);
  }
  tally.complete = !signal.aborted;
}

const DONE = { redrive: 'put back into the queue', purge: 'dropped' } as const;
const WOULD = { redrive: 'would be put back into the queue', purge: 'would be dropped' } as const;

/** The figures for people. */
export function formatMove(report: MoveReport): string {
  const { command, dryRun, looked, chosen, moved, gone, refused, reasons } = report;
  const what = dryRun
    ? `${letters(chosen)} ${WOULD[command]} (dry run: nothing was changed)`
    : `${letters(moved)} ${DONE[command]}`;
  const lines = [`${what}, of ${grouped(looked)} looked at`];
  for (const [reason, count] of Object.entries(reasons))
    lines.push(`  ${reason}: ${grouped(count)}`);
  if (gone > 0) lines.push(`  gone meanwhile: ${grouped(gone)}`);
  if (refused > 0) lines.push(`  left where they are, being no events: ${grouped(refused)}`);
  return `${lines.join('\n')}\n`;
}

function letters(count: number): string {
  return `${grouped(count)} dead ${count === 1 ? 'letter' : 'letters'}`;
}
