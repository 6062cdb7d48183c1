import type { QueueStats } from '@event-pipeline/queue';
import type { LedgerEntry } from './load/ledger';

/** An event as it was found where events end. */
export interface FoundEvent {
  readonly eventId: string;
  /** Stands for what it says; see contentOf in load/numbered-event.ts. */
  readonly content: string;
}

/** What is left when the load has been answered and the backlog is gone. */
export interface Evidence {
  readonly sent: Iterable<LedgerEntry>;
  /** Answers that no collector may give. */
  readonly breaches: readonly string[];
  /** Every copy that is in the store, or that handlers were given where there is no store. */
  readonly stored: readonly FoundEvent[];
  /** Ids of the dead letters; an event that is there twice appears twice. */
  readonly dead: readonly string[];
  /** Of all partitions together. */
  readonly stats: QueueStats;
}

export interface Expected {
  /** A store keeps each event once; handlers without one may be given it again. */
  readonly storedOnce: boolean;
  /** Every batch had an id, so the queue has taken each event at most once. */
  readonly queuedOnce: boolean;
  /** No event may have become a dead letter. */
  readonly noneDead: boolean;
}

export type Invariant =
  | 'answers'
  | 'all-answered'
  | 'no-loss'
  | 'refused-stays-out'
  | 'nothing-invented'
  | 'stored-once'
  | 'stored-as-sent'
  | 'queued-once'
  | 'none-dead'
  | 'conserved'
  | 'no-backlog';

export interface Violation {
  readonly invariant: Invariant;
  /** How many events, or figures, break it. */
  readonly count: number;
  /** The first of them, for people. */
  readonly examples: readonly string[];
}

/**
 * Holds what was sent and answered against what was found, and names every invariant that does not
 * hold. An empty answer is the proof that a test asks for.
 */
export function findViolations(evidence: Evidence, expected: Expected): readonly Violation[] {
  const found = new Violations();
  for (const breach of evidence.breaches) found.add('answers', breach);
  compareEvents(evidence, expected, found);
  compareFigures(evidence.stats, found);
  if (expected.noneDead) for (const id of evidence.dead) found.add('none-dead', id);
  return found.list();
}

function compareEvents(evidence: Evidence, expected: Expected, found: Violations): void {
  const { stored, dead, stats } = evidence;
  const copies = new Map<string, number>();
  const contents = new Map<string, Set<string>>();
  for (const { eventId, content } of stored) {
    copies.set(eventId, (copies.get(eventId) ?? 0) + 1);
    const seen = contents.get(eventId);
    if (seen === undefined) contents.set(eventId, new Set([content]));
    else seen.add(content);
  }
  const dying = new Set(dead);
  const distinct = new Set([...copies.keys(), ...dying]);
  const unsent = new Set(distinct);

  for (const { eventId, outcome, content } of evidence.sent) {
    unsent.delete(eventId);
    const isFound = distinct.has(eventId);
    if (outcome === 'open') found.add('all-answered', eventId);
    if (outcome === 'acknowledged' && !isFound) found.add('no-loss', eventId);
    if (outcome === 'refused' && isFound) found.add('refused-stays-out', eventId);
    const seen = contents.get(eventId);
    if (seen && (seen.size > 1 || !seen.has(content))) found.add('stored-as-sent', eventId);
  }
  for (const id of unsent) found.add('nothing-invented', id);
  if (expected.storedOnce) {
    for (const [id, count] of copies)
      if (count > 1) found.add('stored-once', `${id} ${count} times`);
  }
  if (expected.queuedOnce && stats.enqueued !== distinct.size) {
    const text = `${stats.enqueued} enqueued, ${distinct.size} different ones found`;
    found.add('queued-once', text);
  }
}

function compareFigures(stats: QueueStats, found: Violations): void {
  const { enqueued, pending, suspect, leased, delayed, processed, dead, purged, leases } = stats;
  const held = pending + suspect + leased + delayed;
  if (enqueued !== held + processed + dead + purged) {
    const terms = `${held} held + ${processed} processed + ${dead} dead + ${purged} purged`;
    found.add('conserved', `${enqueued} enqueued, but ${terms}`);
  }
  for (const [name, value] of Object.entries(stats)) {
    if (typeof value === 'number' && value < 0) found.add('conserved', `${name} is ${value}`);
  }
  for (const [name, value] of Object.entries({ pending, suspect, leased, delayed, leases })) {
    if (value !== 0) found.add('no-backlog', `${name} is ${value}`);
  }
}

const MOST_EXAMPLES = 10;

class Violations {
  private readonly all = new Map<Invariant, { count: number; examples: string[] }>();

  add(invariant: Invariant, example: string): void {
    const violation = this.all.get(invariant) ?? { count: 0, examples: [] };
    violation.count += 1;
    if (violation.examples.length < MOST_EXAMPLES) violation.examples.push(example);
    this.all.set(invariant, violation);
  }

  list(): readonly Violation[] {
    return [...this.all].map(([invariant, violation]) => ({ invariant, ...violation }));
  }
}
