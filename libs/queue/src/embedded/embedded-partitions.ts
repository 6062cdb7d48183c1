import type { Clock } from '@event-pipeline/runtime';
import { cannotShrink } from '../cannot-shrink';
import type { Partitioning } from '../partitioning';
import type { Environment } from './environment';
import { heldBy } from './partition-reads';
import { PartitionRecords } from './partition-records';
import type { QueueFolder } from './queue-folder';
import {
  makeQueueRecord,
  partitioningOf,
  putPartitionCount,
  readQueueRecord,
  type QueueRecord,
} from './queue-record';

/** How old the knowledge of the record may be outside of transactions. */
const REFRESH_MS = 1_000;

/** How many partitions an embedded queue has, and how that is changed: in one transaction. */
export class EmbeddedPartitions {
  private refreshedAt = -Infinity;

  private constructor(
    private readonly folder: QueueFolder,
    private readonly name: string,
    private readonly clock: Clock,
    private record: QueueRecord,
  ) {}

  /** Makes the queue where there is none of that name. */
  static async open(folder: QueueFolder, name: string, clock: Clock): Promise<EmbeddedPartitions> {
    const record =
      folder.read(() => readQueueRecord(folder.db, name)) ??
      (await folder.transact(() => makeQueueRecord(folder.db, name)));
    return new EmbeddedPartitions(folder, name, clock, record);
  }

  /** Makes the queue, with as many partitions as it has, in a new file, unless it is there. */
  async carryOver(environment: Environment): Promise<void> {
    const { name, record } = this;
    this.record = await environment.transact(() => makeQueueRecord(environment.db, name, record));
  }

  /** As last read, at most {@link REFRESH_MS} ago. Asked for each event. */
  get count(): number {
    this.refresh();
    return this.record.partitions;
  }

  /** As last read, at most {@link REFRESH_MS} ago. */
  current(): Partitioning {
    this.refresh();
    return partitioningOf(this.record, this.clock.now());
  }

  /** Within a transaction or a read: as it is. */
  committed(): Partitioning {
    this.record = readQueueRecord(this.folder.db, this.name) ?? this.record;
    return partitioningOf(this.record, this.clock.now());
  }

  async resize(target: number): Promise<void> {
    await this.folder.transact(() => {
      const { count } = this.committed();
      if (count === target) return;
      for (let partition = target; partition < count; partition++) {
        const records = new PartitionRecords(this.folder.db, this.name, partition);
        const held = heldBy([records]).events;
        if (held > 0) throw cannotShrink({ count, target, partition, held });
      }
      const now = Math.floor(this.clock.now());
      this.record = putPartitionCount(this.folder.db, this.name, this.record, target, now);
    });
  }

  private refresh(): void {
    const age = this.clock.monotonic() - this.refreshedAt;
    if (age <= REFRESH_MS || !this.folder.isOpen) return;
    this.refreshedAt = this.clock.monotonic();
    this.folder.read(() => this.committed());
  }
}
