/** Values of a /metrics page in Prometheus' text format, as far as one program's page needs it. */
export class MetricsText {
  readonly #series: readonly Series[];

  constructor(text: string) {
    this.#series = text.split('\n').flatMap((line) => parseSeries(line) ?? []);
  }

  /** The sum over all series of this name that bear these labels; undefined where there is none. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const found = this.#series.filter(
      (series) =>
        series.name === name &&
        Object.entries(labels).every(([label, value]) => series.labels.get(label) === value),
    );
    if (found.length === 0) return undefined;
    return found.reduce((total, { value }) => total + value, 0);
  }

  /** The cumulative counts of a histogram by upper bound, in rising order, Infinity last. */
  buckets(name: string): readonly Bucket[] {
    const byBound = new Map<number, number>();
    for (const { name: found, labels, value } of this.#series) {
      if (found !== `${name}_bucket`) continue;
      const text = labels.get('le');
      const bound = text === '+Inf' ? Infinity : Number(text);
      byBound.set(bound, (byBound.get(bound) ?? 0) + value);
    }
    return [...byBound]
      .map(([upperBound, count]) => ({ upperBound, count }))
      .sort((a, b) => a.upperBound - b.upperBound);
  }
}

/** How many observations were at most the bound. */
export interface Bucket {
  readonly upperBound: number;
  readonly count: number;
}

interface Series {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

function parseSeries(line: string): Series | undefined {
  const [, name, labelText = '', value] = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line) ?? [];
  if (name === undefined || value === undefined) return undefined;
  const labels = [...labelText.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(
    ([, label = '', text = '']) => [label, text] as const,
  );
  return { name, labels: new Map(labels), value: Number(value) };
}

/**
 * The upper bound under which the given share of the observations between two readings lies;
 * undefined where there was none. Never too low: a histogram knows no more than its bounds.
 *
 * @param leaveOut so many of the largest observations do not count
 */
export function quantileBound(
  before: readonly Bucket[],
  after: readonly Bucket[],
  share: number,
  leaveOut = 0,
): number | undefined {
  const earlier = new Map(before.map(({ upperBound, count }) => [upperBound, count]));
  const counts = after.map(({ upperBound, count }) => ({
    upperBound,
    count: count - (earlier.get(upperBound) ?? 0),
  }));
  const total = (counts.at(-1)?.count ?? 0) - leaveOut;
  if (total <= 0) return undefined;
  return counts.find(({ count }) => count >= total * share)?.upperBound;
}
