import { systemClock, type Random } from '@event-pipeline/runtime';
import type { Load } from './load/load';
import type { Pipeline } from './pipeline';
import { until } from './until';

/** What is killed, and how it comes back. */
export interface Victim {
  readonly name: string;
  kill9(): Promise<void>;
  start(): Promise<void>;
}

export interface KillLoopOptions {
  readonly pipeline: Pipeline;
  readonly load: Load;
  /** Each kill takes one of them. */
  readonly victims: readonly Victim[];
  readonly kills: number;
  readonly random: Random;
  readonly onKill?: (kill: number, atWork: number) => void;
}

export interface KillLoopReport {
  readonly kills: number;
  /** At so many of them, events without an answer were on their way, or leases were held. */
  readonly atWork: number;
  /** At so many of them, events without an answer were on their way. */
  readonly unanswered: number;
  /** At so many of them, leases were held. */
  readonly leased: number;
  /** From the restart until an event was acknowledged and one was processed, ms; the longest. */
  readonly slowestRecoveryMs: number;
}

/** A kill comes within this time after everything works. */
const MOST_DELAY_MS = 300;
const RECOVERY_LIMIT_MS = 60_000;

/**
 * Under a load that goes on by itself: kills one victim at a random moment, starts it again at once,
 * waits until events are acknowledged and processed again, and so on. Nobody lends a hand.
 */
export async function killLoop(options: KillLoopOptions): Promise<KillLoopReport> {
  const { pipeline, load, victims, kills, random, onKill } = options;
  let [atWork, unanswered, leased] = [0, 0, 0];
  let slowestRecoveryMs = 0;
  await untilItWorks(pipeline, load);
  for (let kill = 1; kill <= kills; kill++) {
    await systemClock.sleep(random.next() * MOST_DELAY_MS);
    const victim = victims[Math.floor(random.next() * victims.length)];
    if (victim === undefined) throw new Error('there is nothing to kill');
    const { leases } = await pipeline.stats();
    const { open } = load.ledger.counts;
    await victim.kill9();
    if (open > 0 || leases > 0) atWork += 1;
    if (open > 0) unanswered += 1;
    if (leases > 0) leased += 1;
    await victim.start();
    const startedAt = systemClock.monotonic();
    await untilItWorks(pipeline, load);
    slowestRecoveryMs = Math.max(slowestRecoveryMs, systemClock.monotonic() - startedAt);
    onKill?.(kill, atWork);
  }
  return { kills, atWork, unanswered, leased, slowestRecoveryMs: Math.round(slowestRecoveryMs) };
}

/** Resolves when an event more has been acknowledged and one more processed. */
export async function untilItWorks(pipeline: Pipeline, load: Load): Promise<void> {
  const { acknowledged } = load.ledger.counts;
  let processed: number | undefined;
  await until(
    'events are acknowledged and processed again',
    async () => {
      const stats = await pipeline.stats();
      processed ??= stats.processed;
      return stats.processed > processed && load.ledger.counts.acknowledged > acknowledged;
    },
    RECOVERY_LIMIT_MS,
  );
}
