/**
 * The known word that a misspelt one was probably meant to be: at most a third of its letters wrong
 * (changed, missing, too many, or swapped with the next), or the beginning of exactly one known word.
 * Undefined where none is near enough.
 */
export function nearestWord<T extends string>(word: string, known: readonly T[]): T | undefined {
  // Nobody misspells a word by so much, and the distance costs the product of both lengths.
  if (word.length > LONGEST_WORD) return undefined;
  const given = word.toLowerCase();
  const begun = known.filter((candidate) => given.length > 1 && candidate.startsWith(given));
  if (begun.length === 1) return begun[0];
  let nearest: T | undefined;
  let least = Infinity;
  for (const candidate of known) {
    const wrong = distance(given, candidate);
    const tolerated = Math.max(1, Math.floor(Math.min(given.length, candidate.length) / 3));
    if (wrong > tolerated || wrong >= least) continue;
    nearest = candidate;
    least = wrong;
  }
  return nearest;
}

const LONGEST_WORD = 64;

/** "; did you mean X?" where there is a near one, else nothing. */
export function suggestion(nearest: string | undefined): string {
  return nearest === undefined ? '' : `; did you mean ${nearest}?`;
}

/** How many letters must be changed, added, left out or swapped with their neighbour. */
function distance(a: string, b: string): number {
  let [beforeLast, last] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const at = (cells: readonly number[], index: number) => cells[index] ?? Infinity;
      const changed = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwap ? at(beforeLast, j - 2) + 1 : Infinity;
      row.push(Math.min(at(last, j) + 1, at(row, j - 1) + 1, changed, swapped));
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length] ?? 0;
}
