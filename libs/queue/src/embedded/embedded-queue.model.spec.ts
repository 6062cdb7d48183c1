import fc from 'fast-check';
import type { Lease, Queue, SettleException } from '../queue';
import { LEASE_MS, batchOf, event, expectConserved, receive } from '../testing';
import {
  ShiftedClock,
  countKeys,
  embeddedFolder,
  type EmbeddedFolder,
} from './testing/embedded-queue-under-test';
import { QueueLedger } from './testing/queue-ledger';

const MAX_CRASHES = 2;

class StandingClock extends ShiftedClock {
  override now(): number {
    return Date.UTC(2030, 0, 1) + this.aheadMs;
  }
}

const named = fc.record({
  at: fc.nat({ max: 60 }),
  outcome: fc.constantFrom('retry' as const, 'dead' as const, 'release' as const),
  delayMs: fc.nat({ max: 500 }),
});
type Named = typeof named extends fc.Arbitrary<infer T> ? T : never;

/** One call of one user; where it needs a lease, `lease` picks one of those that are held. */
const step = fc.record({
  call: fc.constantFrom(
    ...(['enqueue', 'enqueue', 'receive', 'receive', 'receive', 'receive isolated'] as const),
    ...(['settle', 'settle', 'release', 'extend', 'receive again'] as const),
    ...(['pass time', 'reclaim', 'crash', 'crash', 'crash'] as const),
  ),
  user: fc.nat({ max: 1 }),
  lease: fc.nat(),
  sizes: fc.array(fc.nat({ max: 30 }), { maxLength: 4 }),
  maxEvents: fc.integer({ min: 1, max: 40 }),
  maxBytes: fc.integer({ min: 1, max: 900 }),
  outcomes: fc.array(named, { maxLength: 6 }),
  ms: fc.constantFrom(100, 400, LEASE_MS / 2),
  maxLeases: fc.integer({ min: 1, max: 3 }),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class Run {
  private readonly ledger = new QueueLedger();
  private enqueued = 0;

  constructor(
    private readonly folder: EmbeddedFolder,
    private readonly users: readonly Queue[],
  ) {}

  async take(step: Step): Promise<void> {
    const queue = this.users[step.user] as Queue;
    const held = [...this.ledger.held.values()];
    const lease = held[step.lease % held.length]?.lease;
    if (step.call === 'enqueue') await this.enqueue(queue, step.sizes);
    if (step.call === 'receive') await this.receive(queue, 'skip', step);
    if (step.call === 'receive isolated') await this.receive(queue, 'only', step);
    if (step.call === 'pass time') this.folder.clock.aheadMs += step.ms;
    if (step.call === 'reclaim') await this.reclaim(queue, step.maxLeases);
    if (step.call === 'crash') {
      this.folder.clock.aheadMs += LEASE_MS;
      await this.reclaim(queue, 100);
    }
    if (lease === undefined) return;
    if (step.call === 'settle') await this.settle(queue, lease, step.outcomes);
    if (step.call === 'release') await this.release(queue, lease);
    if (step.call === 'extend') await this.extend(queue, lease);
    if (step.call === 'receive again') {
      expect((await receive(queue, { leaseId: lease.id })).lease).toEqual(lease);
    }
  }

  async check(): Promise<void> {
    const stats = await (this.users[0] as Queue).stats(0);
    expectConserved(stats);
    this.ledger.check(stats);
  }

  /** Has everything processed; each event is then done or dead, and nothing else is stored. */
  async finish(): Promise<void> {
    const queue = this.users[0] as Queue;
    for (const { lease } of [...this.ledger.held.values()]) await this.release(queue, lease);
    this.folder.clock.aheadMs += 500;
    for (const isolated of ['skip', 'only'] as const) {
      for (;;) {
        const lease = await this.receive(queue, isolated, { maxEvents: 100, maxBytes: 10_000 });
        if (lease === undefined) break;
        await this.settle(queue, lease, []);
      }
    }
    await this.check();
    const { dead = 0, ...kinds } = await countKeys(this.folder);
    expect(dead).toBe(this.ledger.count('dead'));
    expect(['batch', 'expiry', 'queue', 'state']).toEqual(
      expect.arrayContaining(Object.keys(kinds)),
    );
  }

  private get now(): number {
    return this.folder.clock.now();
  }

  private async enqueue(queue: Queue, sizes: readonly number[]): Promise<void> {
    const next = () => event(`${++this.enqueued}${'x'.repeat(this.enqueued % 40)}`);
    const batches = sizes.map((size) => batchOf(Array.from({ length: size }, next)));
    await queue.enqueue(0, batches);
    for (const body of batches.flatMap(({ bodies }) => bodies)) this.ledger.add(body);
  }

  private async receive(
    queue: Queue,
    isolated: 'skip' | 'only',
    { maxEvents, maxBytes }: Pick<Step, 'maxEvents' | 'maxBytes'>,
  ): Promise<Lease | undefined> {
    const { lease } = await receive(queue, { isolated, maxEvents, maxBytes });
    if (lease === undefined) return undefined;
    expect(lease.size).toBeLessThanOrEqual(maxEvents);
    const bytes = lease.deliveries.reduce((sum, { body }) => sum + body.length, 0);
    expect(lease.size === 1 || bytes <= maxBytes).toBe(true);
    this.ledger.handOut(lease, this.now + LEASE_MS, isolated === 'only');
    return lease;
  }

  private async release(queue: Queue, lease: Lease): Promise<void> {
    await queue.release(lease);
    this.ledger.end(lease, () => 'queue');
  }

  private async extend(queue: Queue, lease: Lease): Promise<void> {
    await queue.extend(lease, LEASE_MS);
    this.ledger.extend(lease, this.now + LEASE_MS);
  }

  private async settle(queue: Queue, lease: Lease, outcomes: readonly Named[]): Promise<void> {
    const byIndex = new Map(outcomes.map((outcome) => [outcome.at % lease.size, outcome]));
    const exceptions = [...byIndex]
      .sort(([one], [other]) => one - other)
      .map(([index, { outcome, delayMs }]): SettleException => {
        if (outcome === 'retry') return { index, outcome, delayMs };
        if (outcome === 'release') return { index, outcome };
        return { index, outcome, reason: 'permanent-error', error: 'e', handler: 'h' };
      });
    await queue.settle(lease, exceptions);
    this.ledger.end(lease, (entry, index) => {
      const outcome = byIndex.get(index)?.outcome;
      if (outcome === undefined) return 'done';
      if (outcome !== 'release') entry.attempts += 1;
      return outcome === 'dead' ? 'dead' : 'queue';
    });
  }

  private async reclaim(queue: Queue, maxLeases: number): Promise<void> {
    const expired = [...this.ledger.held.values()].filter(({ deadline }) => deadline <= this.now);
    const reclaimed = await queue.reclaim(0, { maxLeases, maxCrashes: MAX_CRASHES });
    const counted = { leases: 0, events: 0, dead: 0 };
    for (const { lease, isolated } of expired) {
      // Which of them were taken back is the queue's choice: what is left can be extended.
      const isHeld = await this.extend(queue, lease).then(
        () => true,
        (error: unknown) => (expect(error).toMatchObject({ code: 'LEASE_LOST' }), false),
      );
      if (isHeld) continue;
      counted.leases += 1;
      counted.events += lease.size;
      this.ledger.end(lease, (entry) => {
        if (!isolated || ++entry.crashes < MAX_CRASHES) return 'queue';
        counted.dead += 1;
        return 'dead';
      });
    }
    expect(reclaimed).toEqual(counted);
    expect(counted.leases).toBe(Math.min(maxLeases, expired.length));
  }
}

describe('the embedded queue, called in any order by two users', () => {
  it('loses, doubles and mixes up nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
        const folder = embeddedFolder(undefined, new StandingClock());
        try {
          const run = new Run(folder, [await folder.open(), await folder.open()]);
          for (const step of steps) {
            await run.take(step);
            await run.check();
          }
          await run.finish();
        } finally {
          await folder.dispose();
        }
      }),
      { numRuns: 60, endOnFailure: false },
    );
  }, 120_000);
});
