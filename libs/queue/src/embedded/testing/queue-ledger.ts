import type { Lease, QueueStats } from '../../queue';

type Place = 'queue' | 'leased' | 'done' | 'dead';

interface Entry {
  place: Place;
  attempts: number;
  crashes: number;
}

export interface HeldLease {
  readonly lease: Lease;
  readonly deadline: number;
  readonly isolated: boolean;
}

/**
 * Knows of each event only where it must be and how often it failed, and of each lease until when it
 * is held. Checks what the queue says against that.
 */
export class QueueLedger {
  readonly held = new Map<string, HeldLease>();
  private readonly entries = new Map<string, Entry>();

  add(body: string): void {
    this.entries.set(body, { place: 'queue', attempts: 0, crashes: 0 });
  }

  /** An event that is handed out must have been in the queue, with just these failures. */
  handOut(lease: Lease, deadline: number, isolated: boolean): void {
    expect(lease.deliveries).toHaveLength(lease.size);
    for (const { body, attempts, crashes } of lease.deliveries) {
      expect({ attempts, crashes, place: 'queue' }).toEqual(this.entries.get(body));
      this.entry(body).place = 'leased';
    }
    const fresh = lease.deliveries.filter(({ attempts, crashes }) => attempts + crashes === 0);
    const order = fresh.map(({ body }) => Number(/\d+/.exec(body)));
    expect(order).toEqual([...order].sort((one, other) => one - other));
    this.held.set(lease.id, { lease, deadline, isolated });
  }

  extend(lease: Lease, deadline: number): void {
    const { isolated } = this.held.get(lease.id) as HeldLease;
    this.held.set(lease.id, { lease, deadline, isolated });
  }

  /** Ends a lease; `placeOf` says where each event goes and may count failures. */
  end(lease: Lease, placeOf: (entry: Entry, index: number) => Place): void {
    this.held.delete(lease.id);
    lease.deliveries.forEach(({ body }, index) => {
      const entry = this.entry(body);
      entry.place = placeOf(entry, index);
    });
  }

  count(place: Place): number {
    return [...this.entries.values()].filter((entry) => entry.place === place).length;
  }

  check(stats: QueueStats): void {
    let bytes = 0;
    for (const [body, { place }] of this.entries) {
      if (place !== 'done') bytes += Buffer.byteLength(body);
    }
    expect(stats).toMatchObject({
      enqueued: this.entries.size,
      leased: this.count('leased'),
      processed: this.count('done'),
      dead: this.count('dead'),
      leases: this.held.size,
      bytes,
    });
  }

  private entry(body: string): Entry {
    const entry = this.entries.get(body);
    if (entry === undefined) throw new Error(`an event that nobody enqueued: ${body}`);
    return entry;
  }
}
