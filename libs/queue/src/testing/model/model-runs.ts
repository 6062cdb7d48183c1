/**
 * How much the model tests do. FAULT_RUNS, as `npm run test:faults` sets it, asks for that many runs
 * and for short counterexamples; without it they do what fits into `npm test`.
 */
const wanted = Number(process.env['FAULT_RUNS'] ?? 0);

export const isThorough = wanted > 0;

export function modelRuns(usual: number): number {
  return Number.isSafeInteger(wanted) && wanted > usual ? wanted : usual;
}
