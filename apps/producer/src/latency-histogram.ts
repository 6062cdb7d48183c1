/** Buckets for each doubling; a quantile is off by at most 1 in 128. */
const STEPS = 64;
/** Longest time told apart from longer ones: about 71 minutes, in microseconds. */
const MAX_MICROS = 2 ** 32 - 1;
const BUCKETS = 27 * STEPS;

/** Durations in buckets that grow with them: the same small memory however many are recorded. */
export class LatencyHistogram {
  readonly #counts = new Float64Array(BUCKETS);
  #samples = 0;

  get samples(): number {
    return this.#samples;
  }

  record(ms: number): void {
    const micros = Math.min(MAX_MICROS, Math.max(0, Math.round(ms * 1_000)));
    const bucket = bucketOf(micros);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#samples += 1;
  }

  /** The duration in ms below which the share `q` (0 to 1) of the samples lies; undefined without samples. */
  quantile(q: number): number | undefined {
    if (this.#samples === 0) return undefined;
    const rank = Math.max(1, Math.ceil(q * this.#samples));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      seen += this.#counts[bucket] ?? 0;
      if (seen >= rank) return middleOf(bucket) / 1_000;
    }
    return undefined;
  }
}

function bucketOf(micros: number): number {
  const doublings = Math.max(0, 25 - Math.clz32(micros));
  return doublings * STEPS + Math.floor(micros / 2 ** doublings);
}

function middleOf(bucket: number): number {
  const doublings = Math.max(0, Math.floor(bucket / STEPS) - 1);
  const width = 2 ** doublings;
  return (bucket - doublings * STEPS) * width + (width - 1) / 2;
}
