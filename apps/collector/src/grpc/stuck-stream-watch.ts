import type { Clock, Component } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';
import type { EventService } from './event-service';

const INTERVAL_MS = 1_000;

/** Looks, once a second, for streams whose answers nobody reads while others need their memory. */
export class StuckStreamWatch implements Component {
  readonly name = 'stuck-stream-watch';
  private readonly ended = new AbortController();
  private watching: Promise<void> = Promise.resolve();

  constructor(
    private readonly service: Pick<EventService, 'cutStuckStreams'>,
    private readonly clock: Clock,
    private readonly logger: Logger,
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
      const streams = this.service.cutStuckStreams();
      if (streams > 0) {
        this.logger.warn({ streams }, 'streams were reset whose clients do not read their answers');
      }
    }
  }
}
