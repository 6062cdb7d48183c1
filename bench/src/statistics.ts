/** What several rounds of one figure come to. */
export interface Summary {
  readonly median: number;
  /** The spread: from the lowest round to the highest. */
  readonly lowest: number;
  readonly highest: number;
}

/** The middle value; of an even number, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  if (upper === undefined || lower === undefined) throw new Error('nothing to take the median of');
  return (lower + upper) / 2;
}

export function summaryOf(values: readonly number[]): Summary {
  if (!values.every(Number.isFinite)) throw new Error(`no numbers: ${values.join(', ')}`);
  return {
    median: median(values),
    lowest: values.reduce((a, b) => Math.min(a, b), Infinity),
    highest: values.reduce((a, b) => Math.max(a, b), -Infinity),
  };
}

/** The smallest value that at least this share of all values do not exceed (nearest rank). */
export function quantile(values: Float64Array | readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new Error('nothing to take a quantile of');
  return value;
}
