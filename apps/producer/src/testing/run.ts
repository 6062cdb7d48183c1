import { Readable } from 'node:stream';
import { systemClock, systemRandom, type Clock } from '@event-pipeline/runtime';
import { GeneratedEvents } from '../event-generator';
import type { EventSource } from '../event-source';
import { NdjsonEvents } from '../ndjson-events';
import { produce, type RunOutcome } from '../produce';
import { parseOptions } from '../producer-options';
import { Tally } from '../tally';

export interface TestRun {
  readonly tally: Tally;
  readonly notices: string[];
  /** How long each sleep was meant to be, in ms. */
  readonly sleeps: number[];
  readonly outcome: Promise<RunOutcome>;
  /** As Ctrl-C does. */
  interrupt(): void;
  /** As a second Ctrl-C does. */
  abandon(): void;
}

/** Runs the producer against an address with the arguments of a command line. */
export function startRun(address: string, args: readonly string[], source?: EventSource): TestRun {
  const options = parseOptions(args, address);
  if (options === 'help' || options.events.from !== 'generator') {
    throw new Error('a test gives its source itself');
  }
  const sleeps: number[] = [];
  const clock: Clock = {
    ...systemClock,
    sleep: (ms, signal) => {
      sleeps.push(ms);
      return systemClock.sleep(ms, signal);
    },
  };
  const deps = { clock, random: systemRandom };
  const tally = new Tally();
  const notices: string[] = [];
  const interrupt = new AbortController();
  const abandon = new AbortController();
  const outcome = produce(options, source ?? new GeneratedEvents(options.events, deps), {
    ...deps,
    tally,
    notice: (text) => notices.push(text),
    onConnected: () => Promise.resolve(),
    interrupt: interrupt.signal,
    abandon: abandon.signal,
  });
  return {
    tally,
    notices,
    sleeps,
    outcome,
    interrupt: () => interrupt.abort(),
    abandon: () => abandon.abort(),
  };
}

export interface NdjsonRun {
  readonly source: NdjsonEvents;
  readonly badLines: { line: number; reason: string }[];
  readonly readErrors: string[];
}

/** A source that reads the chunks given, or the stream. */
export function ndjsonFrom(input: readonly (string | Buffer)[] | Readable): NdjsonRun {
  const badLines: NdjsonRun['badLines'] = [];
  const readErrors: string[] = [];
  const readable =
    input instanceof Readable
      ? input
      : Readable.from(
          input.map((chunk) => Buffer.from(chunk)),
          { objectMode: true },
        );
  const source = new NdjsonEvents(readable, {
    clock: systemClock,
    random: systemRandom,
    onBadLine: (line, reason) => badLines.push({ line, reason }),
    onReadError: (reason) => readErrors.push(reason),
  });
  return { source, badLines, readErrors };
}

/** Resolves when the condition holds; the test's own time limit ends a wait for nothing. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}
