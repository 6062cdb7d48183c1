/**
 * How much the model tests do. In the whole fault suite (FAULT_SUITE=whole), or with a number of runs of
 * one's own (FAULT_RUNS), they do more and shorten every counterexample; else what fits into `npm test`.
 */
const { FAULT_RUNS, FAULT_SUITE } = process.env;
const wanted = Number(FAULT_RUNS ?? (FAULT_SUITE === 'whole' ? 2_000 : 0));

export const isThorough = wanted > 0;

export function modelRuns(usual: number): number {
  return Number.isSafeInteger(wanted) && wanted > usual ? wanted : usual;
}
