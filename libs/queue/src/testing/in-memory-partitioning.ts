import type { Clock } from '@event-pipeline/runtime';
import { cannotShrink } from '../cannot-shrink';
import { BATCH_ID_WINDOW_MS } from '../queue';
import type { PartitionEra, Partitioning } from '../partitioning';
import { InMemoryPartition } from './in-memory-partition';
import type { Manner } from './in-memory-waiting';

/** The partitions of an in-memory queue, those that were given up included. */
export class InMemoryPartitioning {
  readonly all: InMemoryPartition[] = [];
  private readonly was: (PartitionEra & { readonly endedAt: number })[] = [];
  private generation = 0;

  constructor(
    private count: number,
    private readonly clock: Clock,
    private readonly manner: Manner,
  ) {
    this.fill();
  }

  current(): Partitioning {
    const since = this.clock.now() - BATCH_ID_WINDOW_MS;
    const earlier = this.was
      .filter(({ endedAt }) => endedAt > since)
      .map(({ generation, count }) => ({ generation, count }));
    return { count: this.count, generation: this.generation, earlier };
  }

  resize(target: number): void {
    const { count } = this;
    if (target === count) return;
    for (let partition = target; partition < count; partition++) {
      const held = this.all[partition]?.held().length ?? 0;
      if (held > 0) throw cannotShrink({ count, target, partition, held });
    }
    this.was.unshift({ generation: this.generation, count, endedAt: this.clock.now() });
    this.count = target;
    this.generation += 1;
    this.fill();
  }

  private fill(): void {
    while (this.all.length < this.count) this.all.push(new InMemoryPartition(this.manner));
  }
}
