import type { QueueStats } from '@event-pipeline/queue';
import {
  findViolations,
  type Evidence,
  type Expected,
  type FoundEvent,
  type Invariant,
} from './invariants';
import type { LedgerEntry, Outcome } from './load/ledger';

const sent = (eventId: string, outcome: Outcome): LedgerEntry => ({
  eventId,
  outcome,
  content: `content of ${eventId}`,
});
const stored = (eventId: string): FoundEvent => ({ eventId, content: `content of ${eventId}` });

const STATS: QueueStats = {
  enqueued: 4,
  pending: 0,
  suspect: 0,
  leased: 0,
  delayed: 0,
  processed: 3,
  dead: 1,
  purged: 0,
  retried: 2,
  expiredLeases: 1,
  duplicateBatches: 1,
  leases: 0,
  bytes: 100,
};

/** A run in which everything happened that may happen. */
const GOOD: Evidence = {
  sent: [
    sent('a', 'acknowledged'),
    sent('b', 'acknowledged'),
    sent('poison', 'acknowledged'),
    sent('refused', 'refused'),
    sent('arrived', 'unknown'),
    sent('vanished', 'unknown'),
  ],
  breaches: [],
  stored: [stored('a'), stored('b'), stored('arrived')],
  dead: ['poison'],
  stats: STATS,
};
const STRICT: Expected = { storedOnce: true, queuedOnce: true, noneDead: false };

const broken = (change: Partial<Evidence>, expected: Partial<Expected> = {}): Invariant[] =>
  findViolations({ ...GOOD, ...change }, { ...STRICT, ...expected }).map((v) => v.invariant);
const withStats = (change: Partial<QueueStats>) => ({ stats: { ...STATS, ...change } });

describe('the checker', () => {
  it('finds nothing in a run that kept every promise', () => {
    expect(findViolations(GOOD, STRICT)).toEqual([]);
  });

  it('finds an acknowledged event that is nowhere', () => {
    const sentMore = [...GOOD.sent, sent('lost', 'acknowledged')];
    expect(findViolations({ ...GOOD, sent: sentMore }, STRICT)).toEqual([
      { invariant: 'no-loss', count: 1, examples: ['lost'] },
    ]);
  });

  it('takes a dead letter for found', () => {
    expect(
      broken({ stored: [stored('a'), stored('b'), stored('poison')], dead: ['arrived'] }),
    ).toEqual([]);
  });

  it('finds an event that was refused for good and is there all the same', () => {
    const deadToo = { stored: [stored('a'), stored('b')], dead: ['poison', 'refused'] };
    expect(broken(deadToo)).toEqual(['refused-stays-out']);
    expect(broken({ stored: [stored('a'), stored('b'), stored('refused')] })).toEqual([
      'refused-stays-out',
    ]);
  });

  it('finds an event that nobody sent', () => {
    expect(broken({ stored: [stored('a'), stored('b'), stored('x')] })).toEqual([
      'nothing-invented',
    ]);
    expect(broken({ dead: ['poison', 'x'] }, { queuedOnce: false })).toEqual(['nothing-invented']);
  });

  it('finds an event that is stored twice, where it may not be', () => {
    const twice = { stored: [...GOOD.stored, stored('b')] };
    expect(broken(twice)).toEqual(['stored-once']);
    expect(broken(twice, { storedOnce: false })).toEqual([]);
  });

  it('finds content that is not what was sent, in any copy', () => {
    const other = { eventId: 'b', content: 'other' };
    expect(broken({ stored: [stored('a'), other, stored('arrived')] })).toEqual(['stored-as-sent']);
    const copies = { stored: [...GOOD.stored, other] };
    expect(broken(copies, { storedOnce: false })).toEqual(['stored-as-sent']);
  });

  it('finds a duplicate in the queue by its counter, where batches had ids', () => {
    const oneMore = withStats({ enqueued: 5, processed: 4 });
    expect(broken(oneMore)).toEqual(['queued-once']);
    expect(broken(oneMore, { queuedOnce: false })).toEqual([]);
  });

  it.each([{ enqueued: 5 }, { processed: 2 }, { dead: 2 }, { purged: 1 }])(
    'finds counters that do not add up: %o',
    (change) => {
      expect(broken(withStats(change), { queuedOnce: false })).toEqual(['conserved']);
    },
  );

  it('finds a counter below zero', () => {
    expect(broken(withStats({ bytes: -1 }))).toEqual(['conserved']);
  });

  it.each(['pending', 'suspect', 'leased', 'delayed'] as const)(
    'finds a backlog that is left: %s',
    (state) => {
      expect(broken(withStats({ [state]: 1, processed: 2 }))).toEqual(['no-backlog']);
    },
  );

  it('finds a lease that is left', () => {
    expect(broken(withStats({ leases: 1 }))).toEqual(['no-backlog']);
  });

  it('finds an event without an answer, and an answer that may not be', () => {
    expect(broken({ sent: [...GOOD.sent, sent('open', 'open')] })).toEqual(['all-answered']);
    expect(broken({ breaches: ['twice'] })).toEqual(['answers']);
  });

  it('finds a dead letter where none may be', () => {
    expect(broken({}, { noneDead: true })).toEqual(['none-dead']);
  });

  it('counts all and names the first ten', () => {
    const lost = Array.from({ length: 25 }, (_, n) => sent(`lost ${n}`, 'acknowledged'));
    const [violation] = findViolations({ ...GOOD, sent: [...GOOD.sent, ...lost] }, STRICT);
    expect(violation).toMatchObject({ invariant: 'no-loss', count: 25 });
    expect(violation?.examples).toHaveLength(10);
  });
});
