import type { Clock, Component, Random } from '@event-pipeline/runtime';
import { messageOf } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';
import type { EventStore } from './event-store';

const DAY_MS = 86_400_000;
/** Rows in one statement: short enough to delay nobody, long enough to keep up. */
const CHUNK = 5_000;
/** Between two rounds: from half of it to one and a half. */
const ROUND_MS = 600_000;
/** Between two chunks of one round: leaves the store to those who wait for it. */
const PAUSE_MS = 50;

export interface RetentionOptions {
  readonly store: Pick<EventStore, 'deleteOlderThan'>;
  /** 1 or more. */
  readonly days: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Called with what one statement has deleted. */
  readonly onDeleted: (events: number) => void;
  /** Default: every ten minutes or so. */
  readonly roundMs?: number;
  /** Most rows in one statement. Default: 5000. */
  readonly chunk?: number;
}

/**
 * Deletes events by age while the program runs, in rounds at random distances, so that several
 * workers seldom meet; where they do, they delete different rows. A store that does not answer is
 * left alone until the next round.
 */
export function createRetentionDuty(options: RetentionOptions): Component {
  const { store, days, clock, random, logger, onDeleted } = options;
  const { roundMs = ROUND_MS, chunk = CHUNK } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  let running: Promise<void> = Promise.resolve();

  const round = async () => {
    let deleted = 0;
    try {
      while (!signal.aborted) {
        const count = await store.deleteOlderThan(days * DAY_MS, chunk);
        deleted += count;
        if (count > 0) onDeleted(count);
        if (count < chunk) break;
        await clock.sleep(PAUSE_MS, signal);
      }
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'events past their age could not be deleted');
    }
    if (deleted > 0) logger.info({ deleted, days }, `deleted events older than ${days} days`);
  };
  const run = async () => {
    // The first round soon, but not at the same moment in every worker.
    await clock.sleep(random.next() * Math.min(roundMs, 10_000), signal);
    while (!signal.aborted) {
      await round();
      await clock.sleep(roundMs * (0.5 + random.next()), signal);
    }
  };

  return {
    name: 'retention',
    start: () => {
      running = run();
      return Promise.resolve();
    },
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}
