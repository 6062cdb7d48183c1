import { SingleBar } from 'cli-progress';
import type { Clock } from '@event-pipeline/runtime';
import { grouped } from './grouped-number';

/** Where progress is shown: standard error, so that standard output stays clean. */
export interface ProgressOutput extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
}

/** What is going on; asked again and again. */
export interface ProgressSource {
  /** How far it is, in the unit of the total. */
  value(): number;
  /** What stands behind the bar, after so many seconds. */
  counts(seconds: number): string;
  /** What is said where there is no bar; `of` is " of 10,000", or empty where nobody knows the end. */
  line(of: string): string;
}

export interface Progress {
  /** Begins to show how far it is; `total` undefined where nobody knows the end. */
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
export function createProgress(
  output: ProgressOutput,
  source: ProgressSource,
  clock: Clock,
): Progress {
  const over = new AbortController();
  let showing: Promise<void> | undefined;
  const bar = output.isTTY === true ? new BarDisplay(output, source, clock) : undefined;
  return {
    start: (total) => {
      showing = bar
        ? bar.show(total, over.signal)
        : showLines(output, total, { source, clock }, over.signal);
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
  output: ProgressOutput,
  total: number | undefined,
  { source, clock }: { source: ProgressSource; clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  const of = total === undefined ? '' : ` of ${grouped(total)}`;
  for (;;) {
    await clock.sleep(LINE_MS, signal);
    if (signal.aborted) return;
    output.write(`${source.line(of)}\n`);
  }
}

/** cli-progress with the source's value as its own. */
class BarDisplay {
  private bar: SingleBar | undefined;

  constructor(
    private readonly output: ProgressOutput,
    private readonly source: ProgressSource,
    private readonly clock: Clock,
  ) {}

  async show(total: number | undefined, signal: AbortSignal): Promise<void> {
    const counts = '{counts} | {duration_formatted}';
    const bar = new SingleBar({
      stream: this.output,
      fps: 1_000 / REDRAW_MS,
      barsize: 30,
      format: total === undefined ? `  ${counts}` : `  [{bar}] {percentage}% | ${counts}`,
    });
    this.bar = bar;
    const startedAt = this.clock.monotonic();
    const state = () => ({
      counts: this.source.counts((this.clock.monotonic() - startedAt) / 1_000),
    });
    bar.start(total ?? 0, 0, state());
    while (!signal.aborted) {
      await this.clock.sleep(REDRAW_MS, signal);
      bar.update(this.source.value(), state());
    }
    bar.stop();
    this.bar = undefined;
  }

  /** Overwrites the bar's line; the bar draws itself again below. */
  above(text: string): void {
    this.output.write(this.bar === undefined ? `${text}\n` : `\r\x1b[K${text}\n`);
  }
}
