import type { ConfigDefinition } from './config';
import { CONFIG_FILE, fileVariableOf } from './config-sources';

/** In a shorter name one wrong letter is meant, in a longer one two may be. */
const LONG_NAME = 12;
/** No name this short is compared: too much is near it. */
const MIN_NAME = 7;

/** A variable that is set, and the one that was probably meant. */
export interface MisspeltVariable {
  readonly name: string;
  readonly meant: string;
}

/**
 * The variables of an environment that no program reads and that are nearly a variable of this
 * definition: written small, or with a letter wrong, missing, too many or swapped with the next, or
 * two such letters in a long name.
 *
 * Nothing is said of a variable that merely begins as ours do: containers are given variables such
 * as COLLECTOR_SERVICE_HOST by their orchestrator, and a shared file of variables has those of every
 * program. What is set besides its probable meaning is no mistake either.
 */
export function misspeltVariables(
  definition: ConfigDefinition,
  environment: NodeJS.ProcessEnv,
): readonly MisspeltVariable[] {
  const variables = Object.values(definition.fields);
  const files = variables.flatMap((variable) => fileVariableOf(variable) ?? []);
  const known = new Set([...variables.map(({ name }) => name), ...files, CONFIG_FILE]);
  return Object.keys(environment)
    .filter((name) => name.length >= MIN_NAME && name.length < 80 && !known.has(name))
    .sort()
    .flatMap((name) => {
      const meant = nearest(name, known);
      return meant === undefined ? [] : [{ name, meant }];
    });
}

/** As a person is told. */
export function misspeltText({ name, meant }: MisspeltVariable): string {
  return `${name} is no variable of this program: did you mean ${meant}?`;
}

function nearest(name: string, known: Iterable<string>): string | undefined {
  let found: { meant: string; distance: number } | undefined;
  for (const meant of known) {
    const limit = Math.min(meant.length, name.length) < LONG_NAME ? 1 : 2;
    const distance = editDistance(name.toUpperCase(), meant);
    if (distance <= limit && distance < (found?.distance ?? Infinity)) found = { meant, distance };
  }
  return found?.meant;
}

/** Letters to change, add, leave out or swap with their neighbour (optimal string alignment). */
function editDistance(one: string, other: string): number {
  let before: readonly number[] = [];
  let above: readonly number[] = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let row = 1; row <= one.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= other.length; column += 1) {
      const isSame = one[row - 1] === other[column - 1];
      const isSwapped = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      current.push(
        Math.min(
          (above[column] ?? Infinity) + 1,
          (current[column - 1] ?? Infinity) + 1,
          (above[column - 1] ?? Infinity) + (isSame ? 0 : 1),
          isSwapped ? (before[column - 2] ?? Infinity) + 1 : Infinity,
        ),
      );
    }
    before = above;
    above = current;
  }
  return above[other.length] ?? Infinity;
}
