import { figuresOf, markdownOf, type SoakReport } from './soak-report';

const REPORT: SoakReport = {
  startedAt: '2026-01-01T00:00:00.000Z',
  minutes: 30,
  seed: 7,
  engine: 'redis',
  store: 'postgres',
  node: '20.19.0',
  verdict: 'held',
  faults: {
    'kill -9 of Redis': figuresOf([300, 100, 200]),
    'a worker stands still': figuresOf([5]),
  },
  checks: 16,
  ledger: { sent: 1_000, open: 0, acknowledged: 980, refused: 10, unknown: 10 },
  failedCalls: { UNAVAILABLE: 12 },
  resent: 40,
  resentWithoutId: 20,
  stored: 983,
  dead: 0,
  duplicateDeliveries: 25,
  queue: {
    enqueued: 990,
    pending: 0,
    suspect: 0,
    leased: 0,
    delayed: 0,
    processed: 990,
    dead: 0,
    purged: 0,
    retried: 0,
    expiredLeases: 3,
    duplicateBatches: 2,
    leases: 0,
    bytes: 0,
  },
  violations: [],
  surprises: [],
};

describe('the report of a soak', () => {
  it('says how to repeat it, the verdict, and what became of the events', () => {
    const text = markdownOf(REPORT);
    expect(text).toContain(
      '`npm run soak -- --minutes 30 --seed 7 --engine redis --store postgres`',
    );
    expect(text).toContain('**Every promise held.** 4 faults, 16 checks.');
    expect(text).toMatch(/^\| acknowledged +\| 980 +\|$/m);
    expect(text).toMatch(/^\| kill -9 of Redis +\| 3 +\| 200 ms +\| 300 ms +\|$/m);
    expect(text).toContain('recognised 2 batches sent again, and took back 3 leases that ran out.');
    expect(text).not.toContain('Broken promises');
  });

  it('names each promise that was checked, and what its own words mean', () => {
    const text = markdownOf(REPORT);
    expect(text).toMatch(/^- no-loss: every event that was acknowledged is found at the end/m);
    expect(text).toMatch(/^- stored-once: /m);
    expect(text).not.toMatch(/^- (queued-once|none-dead): /m);
    expect(markdownOf({ ...REPORT, store: 'none' })).not.toMatch(/^- stored-once: /m);
    for (const word of ['unknown', 'delivered more than once']) {
      expect(text).toMatch(new RegExp(`^\\| ${word} `, 'm'));
      expect(text).toMatch(new RegExp(`\\b${word}: `, 'i'));
    }
  });

  it('is there for a soak that was interrupted and whose pipeline no longer answers', () => {
    const unread = { stored: null, dead: null, duplicateDeliveries: null, queue: null };
    const text = markdownOf({ ...REPORT, ...unread, verdict: 'interrupted' });
    expect(text).toContain('**Interrupted before the end, so nothing is proven.**');
    expect(text).toMatch(/^\| enqueued +\| - +\|$/m);
    expect(text).toMatch(/^\| acknowledged +\| 980 +\|$/m);
  });

  it('names what was broken', () => {
    const violation = { invariant: 'no-loss' as const, count: 3, examples: ['a', 'b'] };
    const text = markdownOf({
      ...REPORT,
      verdict: 'broken',
      violations: [violation],
      surprises: ['worker 0 ended by itself (1):\nwhy'],
    });
    expect(text).toContain('**A promise was broken.**');
    expect(text).toContain('- no-loss: 3, e.g. a; b');
    expect(text).toContain('- worker 0 ended by itself (1):\n  why');
  });
});
