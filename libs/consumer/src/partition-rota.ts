import type { Clock } from '@event-pipeline/runtime';
import type { Queue } from '@event-pipeline/queue';

/** Longest wait for events before the queue is asked again, and what it may overrun by. */
const MAX_WAIT_MS = 1_000;
const WAIT_MARGIN_MS = 1_000;

/** After this many waits in a row that ended early for nothing, the next ones are slowed down. */
const TOLERATED_FALSE_ALARMS = 3;
const MAX_FALSE_ALARM_PAUSE_MS = 50;

/**
 * What is known of a partition:
 * - `open`: the last lease was full, so there is more: any number may ask at once.
 * - `due`: there may be something: one may ask.
 * - `asked`: one is asking.
 * - `waiting`: there was nothing; the one wait that this process has on the partition is under way.
 */
type State = 'open' | 'due' | 'asked' | 'waiting';

interface Partition {
  state: State;
  falseAlarms: number;
}

/**
 * Says which partition to ask for events next: in turn, so that none is preferred, and none while
 * it is known to be empty. Keeps one wait on each empty partition for the whole process.
 */
export class PartitionRota {
  private readonly partitions: Partition[] = [];
  private readonly sleepers: (() => void)[] = [];
  private turn = 0;

  /** @param signal ends every wait; {@link next} then returns undefined */
  constructor(
    private readonly queue: Pick<Queue, 'partitionCount' | 'waitForEvents'>,
    private readonly clock: Clock,
    private readonly signal: AbortSignal,
  ) {
    signal.addEventListener('abort', () => this.wake(Infinity), { once: true });
  }

  /** Resolves once a partition may have something. Each answer is to be met with one report. */
  async next(): Promise<number | undefined> {
    while (!this.signal.aborted) {
      const partition = this.take();
      if (partition !== undefined) return partition;
      await new Promise<void>((resolve) => this.sleepers.push(resolve));
    }
    return undefined;
  }

  /** Report: there were events. `full` when the lease had all the events that one may have. */
  found(partition: number, full: boolean): void {
    const known = this.known(partition);
    known.falseAlarms = 0;
    if (!full || known.state === 'waiting') return this.again(partition);
    known.state = 'open';
    this.wake(Infinity);
  }

  /** Report: worth asking again at once. */
  again(partition: number): void {
    const known = this.known(partition);
    if (known.state === 'asked') known.state = 'due';
    if (known.state !== 'waiting') this.wake(1);
  }

  /** Report: there was nothing. */
  empty(partition: number, nextDueMs = MAX_WAIT_MS): void {
    const known = this.known(partition);
    if (known.state === 'waiting') return;
    known.state = 'waiting';
    void this.wait(partition, known, Math.max(1, Math.min(nextDueMs, MAX_WAIT_MS)));
  }

  private take(): number | undefined {
    const count = this.queue.partitionCount();
    for (let step = 0; step < count; step++) {
      const partition = (this.turn + step) % count;
      const known = this.known(partition);
      if (known.state !== 'open' && known.state !== 'due') continue;
      if (known.state === 'due') known.state = 'asked';
      this.turn = partition + 1;
      return partition;
    }
    return undefined;
  }

  private known(partition: number): Partition {
    return (this.partitions[partition] ??= { state: 'due', falseAlarms: 0 });
  }

  private async wait(partition: number, known: Partition, waitMs: number): Promise<void> {
    const startedAt = this.clock.monotonic();
    await this.waitAtMost(partition, waitMs);
    const early = this.clock.monotonic() - startedAt < Math.min(waitMs, MAX_FALSE_ALARM_PAUSE_MS);
    known.falseAlarms = early ? known.falseAlarms + 1 : 0;
    const excess = known.falseAlarms - TOLERATED_FALSE_ALARMS;
    if (excess > 0) {
      const pauseMs = Math.min(2 ** excess, MAX_FALSE_ALARM_PAUSE_MS);
      await this.clock.sleep(pauseMs, this.signal);
    }
    known.state = 'due';
    this.wake(1);
  }

  /** Ends a little after its time also where the engine's wait does not. Never rejects. */
  private async waitAtMost(partition: number, waitMs: number): Promise<void> {
    const ended = new AbortController();
    const end = () => ended.abort('ended');
    this.signal.addEventListener('abort', end, { once: true });
    if (this.signal.aborted) end();
    const events = this.queue
      .waitForEvents(partition, waitMs, ended.signal)
      .catch(() => this.clock.sleep(waitMs, ended.signal));
    await Promise.race([events, this.clock.sleep(waitMs + WAIT_MARGIN_MS, ended.signal)]);
    this.signal.removeEventListener('abort', end);
    end();
  }

  private wake(count: number): void {
    for (const wake of this.sleepers.splice(0, count)) wake();
  }
}
