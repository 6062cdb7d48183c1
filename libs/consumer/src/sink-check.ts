import { PipelineError, type Clock, type Random } from '@event-pipeline/runtime';
import type { EventSink } from './event-sink';
import { reconnectDelayMs } from './reconnect-delay';
import type { SinkOutage } from './sink-outage';

/** A question without an answer for so long is given up. */
const CHECK_LIMIT_MS = 30_000;
/** Longest pause between two questions. */
const MAX_PAUSE_MS = 15_000;

export interface SinkCheckOptions {
  readonly check: NonNullable<EventSink<unknown>['check']>;
  readonly clock: Clock;
  readonly random: Random;
  readonly outage: SinkOutage;
}

/**
 * Asks the sink, while it is out of reach, whether it is back, with growing pauses and only where no
 * lease in hand does: an outage ends though the leases that met it are lost and no events come.
 */
export class SinkCheck {
  constructor(private readonly options: SinkCheckOptions) {}

  /** Runs until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { outage } = this.options;
    while (!signal.aborted) {
      await outage.untilUnasked(signal);
      await this.askAgainAndAgain(signal);
    }
  }

  private async askAgainAndAgain(signal: AbortSignal): Promise<void> {
    const { clock, random, outage } = this.options;
    for (let failures = 1; outage.isUnasked && !signal.aborted; failures++) {
      const { sign } = outage;
      await clock.sleep(reconnectDelayMs(failures, random.next(), MAX_PAUSE_MS), signal);
      if (!outage.isUnasked || signal.aborted) return;
      const failure = await this.ask(signal);
      // What a lease has heard meanwhile is newer, or says more.
      if (signal.aborted || !outage.isUnasked || outage.sign !== sign) return;
      if (failure === undefined) outage.over();
      else outage.began(failure);
    }
  }

  private async ask(signal: AbortSignal): Promise<PipelineError | undefined> {
    const { check, clock } = this.options;
    const givenUp = new AbortController();
    const answered = new AbortController();
    const late = clock
      .sleep(CHECK_LIMIT_MS, AbortSignal.any([answered.signal, signal]))
      .then(() => {
        const seconds = CHECK_LIMIT_MS / 1_000;
        const error = new PipelineError('STORE_UNAVAILABLE', `no answer within ${seconds} s`);
        givenUp.abort(error);
        return error;
      });
    const answer = (async () => check(givenUp.signal))().then(
      () => undefined,
      (error: unknown) => PipelineError.from(error),
    );
    try {
      return await Promise.race([answer, late]);
    } finally {
      answered.abort('answered');
    }
  }
}
