/**
 * How much the model tests do. FAULT_RUNS, as `npm run test:faults` sets it, asks for that many runs
 * and for the shortest counterexamples; without it they do what fits into `npm test`.
 */
const wanted = Number(process.env['FAULT_RUNS'] ?? 0);

export function modelRuns(usual: number): number {
  return Number.isSafeInteger(wanted) && wanted > usual ? wanted : usual;
}

/** How long a counterexample to a planted bug may be shortened, ms. */
export const SHRINKING_MS = wanted > 0 ? 15_000 : 400;
