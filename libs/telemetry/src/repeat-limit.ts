import type { Clock } from '@event-pipeline/runtime';

const PERIOD_MS = 60_000;
/** Lines of one message in a period; the others are kept back. */
export const MAX_REPEATS = 60;
/** Messages told apart; those above share a limit. */
const MAX_MESSAGES = 256;
const OTHERS = '';

interface Repeats {
  begin: number;
  lines: number;
  keptBack: number;
}

/**
 * Keeps a message that comes in crowds from filling the log: it is let through {@link MAX_REPEATS} times a
 * minute, and the next line that passes says how many did not. The last resort, for every warning
 * and error; what is known to come in crowds has a MinutelyWarning.
 */
export class RepeatLimit {
  private readonly messages = new Map<string, Repeats>();

  constructor(private readonly clock: Clock) {}

  /** Undefined for a line that is kept back; else how many were since the last one. */
  pass(message: string): number | undefined {
    const now = this.clock.monotonic();
    const repeats = this.repeatsOf(message, now);
    if (now - repeats.begin >= PERIOD_MS) {
      repeats.begin = now;
      repeats.lines = 0;
    }
    if (repeats.lines >= MAX_REPEATS) {
      repeats.keptBack += 1;
      return undefined;
    }
    const { keptBack } = repeats;
    repeats.lines += 1;
    repeats.keptBack = 0;
    return keptBack;
  }

  private repeatsOf(message: string, now: number): Repeats {
    const known = this.messages.get(message);
    if (known !== undefined) return known;
    if (this.messages.size >= MAX_MESSAGES) this.forgetPast(now);
    const key = this.messages.size < MAX_MESSAGES ? message : OTHERS;
    const shared = this.messages.get(key);
    if (shared !== undefined) return shared;
    const repeats = { begin: now, lines: 0, keptBack: 0 };
    this.messages.set(key, repeats);
    return repeats;
  }

  private forgetPast(now: number): void {
    for (const [message, { begin, keptBack }] of this.messages) {
      if (keptBack === 0 && now - begin >= PERIOD_MS) this.messages.delete(message);
    }
  }
}
