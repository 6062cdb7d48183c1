import { SingleBar } from 'cli-progress';
import type { Clock } from '@event-pipeline/runtime';
import type { Tally } from './tally';

/** Where progress is shown: standard error, so that standard output stays clean. */
export interface ProgressOutput extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
}

export interface Progress {
  /** Begins to show how far the tally is; `total` undefined where nobody knows the end. */
  start(total: number | undefined): void;
  /** Shows the last state and ends; safe to call twice and before start. */
  stop(): Promise<void>;
  /** Writes a line for people, above the bar where there is one. */
  notice(text: string): void;
}

const REDRAW_MS = 100;
/** How often a line is written where nobody sees a bar move. */
const LINE_MS = 5_000;

/** A bar on a terminal; elsewhere a line every few seconds. */
export function createProgress(output: ProgressOutput, tally: Tally, clock: Clock): Progress {
  const over = new AbortController();
  let showing: Promise<void> | undefined;
  const bar = output.isTTY === true ? new BarDisplay(output, tally, clock) : undefined;
  return {
    start: (total) => {
      showing = bar
        ? bar.show(total, over.signal)
        : showLines((line) => output.write(`${line}\n`), total, { tally, clock }, over.signal);
    },
    stop: async () => {
      over.abort();
      await showing;
    },
    notice: (text) => {
      if (bar) bar.above(text);
      else output.write(`${text}\n`);
    },
  };
}

async function showLines(
  write: (line: string) => void,
  total: number | undefined,
  { tally, clock }: { tally: Tally; clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  const of = total === undefined ? '' : ` of ${grouped(total)}`;
  for (;;) {
    await clock.sleep(LINE_MS, signal);
    if (signal.aborted) return;
    write(`${grouped(tally.sent)}${of} sent, ${grouped(tally.acknowledged)} acknowledged`);
  }
}

/** cli-progress with the tally as its value. */
class BarDisplay {
  readonly #output: ProgressOutput;
  readonly #tally: Tally;
  readonly #clock: Clock;
  #bar: SingleBar | undefined;

  constructor(output: ProgressOutput, tally: Tally, clock: Clock) {
    this.#output = output;
    this.#tally = tally;
    this.#clock = clock;
  }

  async show(total: number | undefined, signal: AbortSignal): Promise<void> {
    const counts = '{done} acknowledged | {rate} events/s | {duration_formatted}';
    const bar = new SingleBar({
      stream: this.#output,
      fps: 1_000 / REDRAW_MS,
      barsize: 30,
      format: total === undefined ? `  ${counts}` : `  [{bar}] {percentage}% | ${counts}`,
    });
    this.#bar = bar;
    const startedAt = this.#clock.monotonic();
    const state = () => {
      const seconds = (this.#clock.monotonic() - startedAt) / 1_000;
      const rate = seconds > 0 ? this.#tally.settled / seconds : 0;
      return { done: grouped(this.#tally.acknowledged), rate: grouped(Math.round(rate)) };
    };
    bar.start(total ?? 0, 0, state());
    while (!signal.aborted) {
      await this.#clock.sleep(REDRAW_MS, signal);
      bar.update(this.#tally.settled, state());
    }
    bar.stop();
    this.#bar = undefined;
  }

  /** Overwrites the bar's line; the bar draws itself again below. */
  above(text: string): void {
    this.#output.write(this.#bar === undefined ? `${text}\n` : `\r\x1b[K${text}\n`);
  }
}

/** A whole number with separators, for people: 10,000. */
export function grouped(value: number): string {
  return value.toLocaleString('en-US');
}
