import { messageOf, type Clock, type Component } from '@event-pipeline/runtime';
import { changesFor, GUARANTEES, type Queue, type QueueHealth } from '@event-pipeline/queue';

const INTERVAL_MS = 1_000;

/**
 * Asks the queue, once a second, whether it takes events, and tells when the answer changes. What
 * health checks and /readyz say rests on this.
 */
export class QueueProbe implements Component {
  readonly name = 'queue-probe';
  private readonly ended = new AbortController();
  private probing: Promise<void> = Promise.resolve();
  private current: { readonly health?: QueueHealth; readonly problem: string } = {
    problem: 'the queue was not asked yet',
  };

  constructor(
    private readonly queue: Pick<Queue, 'health'>,
    private readonly clock: Clock,
    private readonly onChange: (available: boolean) => void,
    /** Whether a queue below the durability `disk` takes no events (QUEUE_STRICT). */
    private readonly strict = false,
  ) {}

  get available(): boolean {
    return this.current.health !== undefined && this.current.problem === '';
  }

  /** What keeps the queue from taking events; empty when nothing does. */
  get problem(): string {
    return this.current.problem;
  }

  get health(): QueueHealth | undefined {
    return this.current.health;
  }

  async start(): Promise<void> {
    await this.ask();
    this.probing = this.probe();
  }

  async stop(): Promise<void> {
    this.ended.abort();
    await this.probing;
  }

  private async probe(): Promise<void> {
    const { signal } = this.ended;
    for (;;) {
      await this.clock.sleep(INTERVAL_MS, signal);
      if (signal.aborted) return;
      await this.ask();
    }
  }

  private async ask(): Promise<void> {
    const before = this.available;
    try {
      const health = await this.queue.health();
      this.current = { health, problem: this.strict ? weakness(health) : '' };
    } catch (error) {
      this.current = { problem: messageOf(error) };
    }
    if (this.available !== before && !this.ended.signal.aborted) this.onChange(this.available);
  }
}

/** Why a queue that has to be durable is not; empty where it is. */
function weakness(health: QueueHealth): string {
  if (health.durability === 'disk') return '';
  const changes = changesFor(health) || health.detail;
  return `events are refused (QUEUE_STRICT): ${GUARANTEES[health.durability]}; to change: ${changes}`;
}
