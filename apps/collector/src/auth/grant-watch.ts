import type { Clock, Component } from '@event-pipeline/runtime';
import type { EventService } from '../grpc/event-service';

const INTERVAL_MS = 1_000;

/** Ends, once a second and at each call of {@link look}, the streams whose token holds no longer. */
export class GrantWatch implements Component {
  readonly name = 'grant-watch';
  private readonly ended = new AbortController();
  private watching: Promise<void> = Promise.resolve();

  constructor(
    private readonly service: Pick<EventService, 'drainUngranted'>,
    private readonly clock: Clock,
  ) {}

  start(): Promise<void> {
    this.watching = this.watch();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.ended.abort();
    await this.watching;
  }

  private async watch(): Promise<void> {
    const { signal } = this.ended;
    for (;;) {
      await this.clock.sleep(INTERVAL_MS, signal);
      if (signal.aborted) return;
      this.service.drainUngranted();
    }
  }
}
