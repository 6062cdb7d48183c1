import { PipelineError } from '@event-pipeline/runtime';

/**
 * The statements that lead from each version of a schema to the next: the first entry makes version
 * 1 of an empty database. Never changed once released, only added to.
 */
export type SchemaSteps = readonly (readonly string[])[];

/**
 * The statements that a database at this version still needs, by the version they lead to.
 *
 * @throws PipelineError CONFIG_INVALID for a version that these steps do not know
 */
export function missingSteps(
  steps: SchemaSteps,
  version: number,
): readonly { readonly version: number; readonly statements: readonly string[] }[] {
  if (version > steps.length) {
    throw new PipelineError(
      'CONFIG_INVALID',
      `the store has schema version ${version}, and this program knows ${steps.length} at most: ` +
        'a newer version of the pipeline has used it; run that one',
    );
  }
  return steps
    .map((statements, i) => ({ version: i + 1, statements }))
    .filter((step) => step.version > version);
}

/**
 * For a table `events` that is there: one that another program made, or somebody changed, is neither
 * written to nor brought up to date.
 *
 * @throws PipelineError CONFIG_INVALID
 */
export function checkColumns(
  where: string,
  columns: readonly string[],
  expected: readonly string[],
): void {
  const missing = expected.filter((name) => !columns.includes(name));
  if (missing.length > 0) throw strangeTable(where, ` (without ${missing.join(', ')})`);
}

export function strangeTable(where: string, why = '', table = 'events'): PipelineError {
  return new PipelineError(
    'CONFIG_INVALID',
    `${where} already has a table "${table}" that is not of this store${why}: ` +
      'name another one in STORE_URL, or rename that table',
  );
}
