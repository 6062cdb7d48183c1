import { PipelineError } from '@event-pipeline/runtime';
import type { SameContent } from './content';
import {
  MAX_STORED_BATCH,
  type PutResult,
  type RefusedEvent,
  type StorableEvent,
} from './event-store';

/** What an engine does for {@link putEvents}. */
export interface EventTable {
  /**
   * Inserts rows whose ids are all different, in this order, and leaves those that are there as they
   * are. Resolves once they are on disk, with what became of each: stored, there already, or the
   * engine's reason for refusing this very row.
   */
  insert(rows: readonly StorableEvent[]): Promise<readonly RowOutcome[]>;
  /** The bodies of rows, by id; those that are not there are left out. At most {@link COMPARED_AT_ONCE}. */
  bodiesOf(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
}

export type RowOutcome = 'stored' | 'there' | { readonly refused: string };

/** The one form in which databases give a UUID back. */
export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const TAKEN_AND_DROPPED = 'the database took the row and does not have it';
/** Bounds the memory of a comparison: what is stored may be larger than what is given. */
const COMPARED_AT_ONCE = 32;

/** {@link EventStore.put}, the same on every engine. */
export async function putEvents(
  table: EventTable,
  events: readonly StorableEvent[],
  sameContent: SameContent,
): Promise<PutResult> {
  if (events.length > MAX_STORED_BATCH) {
    throw new PipelineError(
      'INVALID_ARGUMENT',
      `${events.length} events in one call; at most ${MAX_STORED_BATCH} are allowed`,
    );
  }
  const tally = {
    stored: 0,
    duplicates: 0,
    conflicts: [] as number[],
    refused: [] as RefusedEvent[],
  };
  let open: readonly Entry[] = events.map((event, index) => ({ event, index }));
  open = open.filter(({ event, index }) => {
    if (UUID.test(event.id)) return true;
    tally.refused.push({ index, error: 'its id is no UUID in lower case' });
    return false;
  });
  // Once around, but for a repeated id whose first event was refused: then the next one is the first.
  while (open.length > 0) open = await putRound(table, open, sameContent, tally);
  tally.conflicts.sort((a, b) => a - b);
  tally.refused.sort((a, b) => a.index - b.index);
  return tally;
}

interface Entry {
  readonly event: StorableEvent;
  readonly index: number;
}

interface Tally {
  stored: number;
  duplicates: number;
  readonly conflicts: number[];
  readonly refused: RefusedEvent[];
}

/** Stores the first event of each id; answers the events that have to be tried after all. */
async function putRound(
  table: EventTable,
  entries: readonly Entry[],
  sameContent: SameContent,
  tally: Tally,
): Promise<readonly Entry[]> {
  const { firsts, repeats } = byFirst(entries);
  const outcomes = await table.insert(firsts.map(({ event }) => event));
  const there: Entry[] = [];
  const storedIds = new Set<string>();
  const refusedIds = new Set<string>();
  firsts.forEach((entry, i) => {
    const outcome = outcomeAt(outcomes, i);
    if (outcome === 'stored') storedIds.add(entry.event.id);
    else if (outcome === 'there') there.push(entry);
    else {
      refusedIds.add(entry.event.id);
      tally.refused.push({ index: entry.index, error: outcome.refused });
    }
  });
  tally.stored += storedIds.size;
  const again = repeats.filter(({ event }) => refusedIds.has(event.id));
  // Compared with what is stored, since that need not be the first of this call.
  const toCompare = [...there, ...repeats.filter(({ event }) => !refusedIds.has(event.id))];
  const absent = await compare(table, toCompare, sameContent, tally);
  // Stored by this very call, and deleted since.
  const deleted = absent.filter(({ event }) => storedIds.has(event.id));
  tally.duplicates += deleted.length;
  await putAbsent(
    table,
    absent.filter(({ event }) => !storedIds.has(event.id)),
    sameContent,
    tally,
  );
  return again;
}

/**
 * Rows that the database neither inserted nor has. One that retention deleted between the two
 * statements is inserted now. The others are taken and dropped by something of the database's own (a
 * trigger, row-level security): such an event is nowhere, so it must not count as stored.
 */
async function putAbsent(
  table: EventTable,
  entries: readonly Entry[],
  sameContent: SameContent,
  tally: Tally,
): Promise<void> {
  if (entries.length === 0) return;
  const { firsts, repeats } = byFirst(entries);
  const outcomes = await table.insert(firsts.map(({ event }) => event));
  const lost = new Map<string, string>();
  const toCompare: Entry[] = [];
  firsts.forEach((entry, i) => {
    const outcome = outcomeAt(outcomes, i);
    if (outcome === 'stored') tally.stored += 1;
    else if (outcome === 'there') toCompare.push(entry);
    else lost.set(entry.event.id, outcome.refused);
  });
  toCompare.push(...repeats.filter(({ event }) => !lost.has(event.id)));
  for (const { event } of await compare(table, toCompare, sameContent, tally)) {
    lost.set(event.id, TAKEN_AND_DROPPED);
  }
  for (const { event, index } of entries) {
    const error = lost.get(event.id);
    if (error !== undefined) tally.refused.push({ index, error });
  }
}

function outcomeAt(outcomes: readonly RowOutcome[], i: number): RowOutcome {
  const outcome = outcomes[i];
  if (outcome !== undefined) return outcome;
  throw new PipelineError(
    'INTERNAL',
    `the store gave ${outcomes.length} answers, none for row ${i}`,
  );
}

/** The first event of each id, in the order of the ids, and the others in the order given. */
function byFirst(entries: readonly Entry[]): { firsts: Entry[]; repeats: Entry[] } {
  const firsts = new Map<string, Entry>();
  const repeats: Entry[] = [];
  for (const entry of entries) {
    if (firsts.has(entry.event.id)) repeats.push(entry);
    else firsts.set(entry.event.id, entry);
  }
  // Writers that touch rows in one order cannot block each other for ever.
  const sorted = [...firsts.values()].sort((a, b) => (a.event.id < b.event.id ? -1 : 1));
  return { firsts: sorted, repeats };
}

/** Counts those that are stored, with the same content or another; answers those that are not there. */
async function compare(
  table: EventTable,
  entries: readonly Entry[],
  sameContent: SameContent,
  tally: Tally,
): Promise<readonly Entry[]> {
  const absent: Entry[] = [];
  for (let from = 0; from < entries.length; from += COMPARED_AT_ONCE) {
    const part = entries.slice(from, from + COMPARED_AT_ONCE);
    const stored = await table.bodiesOf([...new Set(part.map(({ event }) => event.id))]);
    for (const entry of part) {
      const body = stored.get(entry.event.id);
      if (body === undefined) absent.push(entry);
      else if (sameContent(body, entry.event.body)) tally.duplicates += 1;
      else tally.conflicts.push(entry.index);
    }
  }
  return absent;
}
