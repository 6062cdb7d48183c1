import type { MessageProgress } from './message-progress';

/** A call that is watched: its messages, and how to end it. */
export interface WatchedCall {
  readonly progress: MessageProgress;
  cutForUnfinished(): void;
}

/**
 * The bytes of all messages that have not come whole: grpc-js keeps them, and no other budget of the
 * collector knows them. Where they are more than `maxBytes`, the message that began first is cut, with its call,
 * until they are not: those that move are not hit by those that stand still.
 */
export class UnfinishedMessages<C extends WatchedCall = WatchedCall> {
  private readonly calls = new Set<C>();
  private total = 0;

  constructor(private readonly maxBytes: number) {}

  get bytes(): number {
    return this.total;
  }

  read(call: C, chunk: Buffer, now: number): void {
    const before = call.progress.unfinishedBytes;
    call.progress.read(chunk, now);
    const after = call.progress.unfinishedBytes;
    if (after === 0 && before === 0) return;
    if (after > 0) this.calls.add(call);
    else this.calls.delete(call);
    this.total += after - before;
    while (this.total > this.maxBytes && this.calls.size > 0) this.cutSlowest();
  }

  /** To be called once the call is over. */
  forget(call: C): void {
    if (this.calls.delete(call)) this.total -= call.progress.unfinishedBytes;
  }

  private cutSlowest(): void {
    let slowest: C | undefined;
    for (const call of this.calls) {
      if (!slowest || call.progress.since < slowest.progress.since) slowest = call;
    }
    if (!slowest) return;
    this.forget(slowest);
    slowest.cutForUnfinished();
  }
}
