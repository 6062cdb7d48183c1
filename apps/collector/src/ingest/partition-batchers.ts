import {
  partitionOfHash,
  type EnqueueBatch,
  type EnqueueResult,
  type Queue,
} from '@event-pipeline/queue';
import type { Clock, Component, Random } from '@event-pipeline/runtime';
import { Batcher, type BatcherObserver, type BatcherOptions } from './batcher';
import type { EventOwner, EventRun } from './shared-batch';
import type { StorableEvent } from './storable-event';

/** The batchers of all partitions, made as they are needed. */
export class PartitionBatchers implements Component {
  readonly name = 'batchers';
  private readonly batchers: (Batcher | undefined)[] = [];
  private hasGivenUp = false;

  constructor(
    private readonly queue: Pick<Queue, 'enqueue' | 'partitionCount'>,
    private readonly options: BatcherOptions,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly observer: BatcherObserver,
  ) {}

  start(): Promise<void> {
    return Promise.resolve();
  }

  /** Waits until everything that was brought is answered; at the end of the grace it gives up. */
  async stop(signal: AbortSignal): Promise<void> {
    const giveUp = () => {
      this.hasGivenUp = true;
      for (const batcher of this.batchers) batcher?.giveUp();
    };
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    // One that was idle may have taken over from another meanwhile.
    for (let busy = this.busy(); busy.length > 0; busy = this.busy()) await Promise.all(busy);
    signal.removeEventListener('abort', giveUp);
  }

  /**
   * Appends one event of a stream to the partition of its key. Events of one key keep their order.
   *
   * @param cost what the event weighs, in bytes: see EVENT_OVERHEAD_BYTES
   */
  append(event: StorableEvent, cost: number, owner: EventOwner, index: number): EventRun {
    const count = this.queue.partitionCount();
    const partition = count === 1 ? 0 : partitionOfHash(event.keyHash(), count);
    return this.of(partition).append(event, cost, owner, index);
  }

  /** See {@link Batcher.enqueue}. */
  enqueue(partition: number, batch: EnqueueBatch, bytes: number): Promise<EnqueueResult> {
    return this.of(partition).enqueue(batch, bytes);
  }

  private of(partition: number): Batcher {
    return (this.batchers[partition] ??= this.create(partition));
  }

  private create(partition: number): Batcher {
    const { queue, options, clock, random, observer } = this;
    // Always the same one for the same count: a batch that comes again is found there.
    const successor = (of: Batcher) => this.of(of.partition % queue.partitionCount());
    const batcher = new Batcher(queue, partition, options, clock, random, observer, successor);
    if (this.hasGivenUp) batcher.giveUp();
    return batcher;
  }

  private busy(): Promise<void>[] {
    return this.batchers.flatMap((batcher) => batcher?.idle ?? []);
  }
}
