import type { LeasedRun, PartitionRecords } from './partition-records';

/** Gathers events for one lease, within its bounds; the first event fits however large it is. */
export class HandOut {
  readonly runs: LeasedRun[] = [];
  events = 0;
  bytes = 0;

  constructor(
    private readonly records: PartitionRecords,
    private maxEvents: number,
    private maxBytes: number,
  ) {}

  get isFull(): boolean {
    return this.events >= this.maxEvents || this.bytes >= this.maxBytes;
  }

  /** Moves the bounds, which are the lease's, not what is left of it. */
  bound(maxEvents: number, maxBytes: number): void {
    this.maxEvents = maxEvents;
    this.maxBytes = maxBytes;
  }

  /** Takes as many of the run's first events as fit; returns how many. */
  take(run: LeasedRun): number {
    const chunk = this.records.chunk(run.chunk);
    let to = run.from;
    while (to < run.to && this.events < this.maxEvents) {
      const size = chunk.sizeOf(to);
      if (this.events > 0 && this.bytes + size > this.maxBytes) break;
      this.events += 1;
      this.bytes += size;
      to += 1;
    }
    if (to > run.from) this.runs.push({ ...run, to });
    return to - run.from;
  }
}
