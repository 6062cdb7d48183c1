import type { Clock } from '@event-pipeline/runtime';
import { cannotShrink } from '../cannot-shrink';
import { BATCH_ID_WINDOW_MS, type Partitioning } from '../queue';
import { heldIn, Partition } from './in-memory-partition';

/** The partitions of an in-memory queue, those that were given up included. */
export class InMemoryPartitioning {
  readonly all: Partition[] = [];
  private readonly was: { readonly count: number; readonly endedAt: number }[] = [];
  private generation = 0;

  constructor(
    private count: number,
    private readonly clock: Clock,
  ) {
    this.fill();
  }

  current(): Partitioning {
    const since = this.clock.now() - BATCH_ID_WINDOW_MS;
    const lately = this.was.filter(({ endedAt }) => endedAt > since).map(({ count }) => count);
    const earlier = [...new Set(lately.reverse())].filter((count) => count !== this.count);
    return { count: this.count, generation: this.generation, earlier };
  }

  resize(target: number): void {
    const { count } = this;
    if (target === count) return;
    for (let partition = target; partition < count; partition++) {
      const held = heldIn(this.all[partition] as Partition).length;
      if (held > 0) throw cannotShrink({ count, target, partition, held });
    }
    this.was.push({ count, endedAt: this.clock.now() });
    this.count = target;
    this.generation += 1;
    this.fill();
  }

  private fill(): void {
    while (this.all.length < this.count) this.all.push(new Partition());
  }
}
