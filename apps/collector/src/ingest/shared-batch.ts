import {
  MAX_BATCH_BYTES,
  MAX_BATCH_EVENTS,
  type EnqueueBatch,
  type EnqueueResult,
  type EventPacker,
} from '@event-pipeline/queue';
import type { PipelineError } from '@event-pipeline/runtime';
import type { StorableEvent } from './storable-event';

/** A batch on its way, and who waits for it. */
export interface PendingBatch {
  readonly batch: EnqueueBatch;
  readonly bytes: number;
  /** Of the monotonic clock. */
  readonly deadline: number;
  resolve(result: EnqueueResult): void;
  reject(error: PipelineError): void;
}

/** Events of one owner that went into a batch one after the other: they share its fate. */
export interface EventRun {
  readonly firstIndex: number;
  readonly count: number;
  /** What they weigh, in bytes. */
  readonly cost: number;
}

/** Whoever appends single events and waits to hear what became of them. */
export interface EventOwner {
  /** The events of a run are in the queue. Runs of one partition come in the order of appending. */
  durable(run: EventRun): void;
  /** The events of a run could not be queued. */
  failed(error: PipelineError, run: EventRun): void;
}

/** Digest of a batch whose id is ours: nobody else can use it for other events. */
export const NO_DIGEST = '-';
/**
 * How long an id of ours is remembered: twice the longest patience that can be configured, after
 * which it is never sent again.
 */
export const OWN_ID_REMEMBERED_MS = 120_000;

/** Events of several streams in one batch, with an id of its own. */
export class SharedBatch implements PendingBatch {
  private readonly runs: OwnedRun[] = [];
  private sealed: EnqueueBatch | undefined;
  bytes = 0;

  /** @param packer is this batch's alone until it is sealed */
  constructor(
    private readonly id: string,
    readonly deadline: number,
    private readonly packer: EventPacker,
  ) {
    packer.clear();
  }

  /** Seals it. */
  get batch(): EnqueueBatch {
    return (this.sealed ??= {
      id: this.id,
      digest: NO_DIGEST,
      answer: '',
      rememberMs: OWN_ID_REMEMBERED_MS,
      bodies: this.packer.take(),
    });
  }

  /** Whether an event of this weight may be appended: never to one that is sealed. */
  fits(bytes: number): boolean {
    return (
      this.sealed === undefined &&
      this.packer.length < MAX_BATCH_EVENTS &&
      this.bytes + bytes <= MAX_BATCH_BYTES
    );
  }

  /** Nothing more is appended: its packer is free for the next one. */
  seal(): void {
    void this.batch;
  }

  append(event: StorableEvent, cost: number, owner: EventOwner, index: number): EventRun {
    event.writeTo(this.packer);
    this.bytes += cost;
    let run = this.runs.at(-1);
    if (run?.owner !== owner) {
      run = { owner, firstIndex: index, count: 0, cost: 0 };
      this.runs.push(run);
    }
    run.count += 1;
    run.cost += cost;
    return run;
  }

  resolve(): void {
    for (const run of this.runs) run.owner.durable(run);
  }

  reject(error: PipelineError): void {
    for (const run of this.runs) run.owner.failed(error, run);
  }
}

interface OwnedRun extends EventRun {
  readonly owner: EventOwner;
  count: number;
  cost: number;
}
