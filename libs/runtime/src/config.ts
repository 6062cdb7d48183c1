import type { EnvVariable } from './config-fields';
import { fileVariableOf, readConfigSources, type GivenText } from './config-sources';
import { PipelineError } from './pipeline-error';
import { shownValue } from './shown-text';

export type ConfigFields = Readonly<Record<string, EnvVariable<unknown>>>;

type ValuesOf<F extends ConfigFields> = {
  readonly [K in keyof F]: F[K] extends EnvVariable<infer T> ? T : never;
};

/** The configuration of a program: its variables, and what must hold between them. */
export interface ConfigDefinition<F extends ConfigFields = ConfigFields> {
  readonly fields: F;
  /** See {@link defineConfig}. A method, so that a definition of any fields is a ConfigDefinition. */
  check(config: ValuesOf<F>): readonly string[];
}

/** The values of a definition, or of fields that are spread into several definitions. */
export type ConfigOf<D> =
  D extends ConfigDefinition<infer F> ? ValuesOf<F> : D extends ConfigFields ? ValuesOf<D> : never;

/**
 * Declares the configuration of a program.
 *
 * `check` looks at values that are each well-formed and returns what is wrong between them, a
 * sentence each, naming the variables: "COLLECTOR_PORT and COLLECTOR_HTTP_PORT are both 9101".
 *
 * Throws INTERNAL for a mistake in the declaration itself: a variable named twice, or a default
 * that its own form refuses.
 */
export function defineConfig<const F extends ConfigFields>(
  fields: F,
  options: { readonly check?: (config: ValuesOf<F>) => readonly string[] } = {},
): ConfigDefinition<F> {
  const seen = new Set<string>();
  for (const { name, type, defaultValue } of Object.values(fields)) {
    if (seen.has(name)) {
      throw new PipelineError('INTERNAL', `the variable ${name} is declared twice`);
    }
    seen.add(name);
    if (defaultValue !== undefined && !type.schema.safeParse(type.print(defaultValue)).success) {
      throw new PipelineError('INTERNAL', `the default of ${name} is not ${type.form}`);
    }
  }
  const { check = () => [] } = options;
  return { fields, check };
}

/**
 * Reads a configuration from environment variables, and from the files that they name: see
 * {@link readConfigSources}. Blanks around a value are dropped; an empty
 * value counts as unset.
 *
 * Throws CONFIG_INVALID; its message names every problem, a line each: the variable, the value
 * given and the form expected. Secrets are masked.
 */
export function loadConfig<F extends ConfigFields>(
  definition: ConfigDefinition<F>,
  environment: NodeJS.ProcessEnv,
): ValuesOf<F> {
  const sources = readConfigSources(Object.values(definition.fields), environment);
  const problems = [...sources.problems];
  const values: [string, unknown][] = [];
  for (const [key, variable] of Object.entries(definition.fields)) {
    const given = sources.given.get(variable.name);
    if (given === undefined) {
      const file = fileVariableOf(variable);
      const hasProblem = sources.problems.some(
        (problem) => file !== undefined && problem.startsWith(file),
      );
      if (variable.required && !hasProblem) {
        problems.push(`${variable.name} is not set; expected ${variable.type.form}`);
      }
      values.push([key, variable.defaultValue]);
      continue;
    }
    const parsed = variable.type.schema.safeParse(given.text);
    if (parsed.success) values.push([key, parsed.data]);
    else problems.push(problemOf(variable, given));
  }
  // The entries are the fields' own keys, each with a value that its field's schema produced.
  const config = Object.fromEntries(values) as ValuesOf<F>;
  if (problems.length === 0) problems.push(...definition.check(config));
  if (problems.length > 0) throw new PipelineError('CONFIG_INVALID', problems.join('\n'));
  return config;
}

function problemOf(variable: EnvVariable<unknown>, { text: given, origin }: GivenText): string {
  const { type, unit } = variable;
  const name = origin === undefined ? variable.name : `${variable.name} (${shownValue(origin)})`;
  const value = type.secret ? '(a secret, not shown)' : (type.show ?? shownValue)(given);
  const problem = type.problemOf?.(given);
  if (problem !== undefined) return `${name} is ${value}: ${problem}`;
  return `${name} is ${value}; expected ${type.form}${unit === '' ? '' : ` (${unit})`}`;
}

/** One variable, in words: a row of `--help` and of the documentation. */
export interface VariableDescription {
  readonly name: string;
  /** As a user would write it; empty for an optional variable, "(required)" where it must be set. */
  readonly default: string;
  readonly unit: string;
  readonly description: string;
  /** What values it takes, e.g. "one of json, pretty". */
  readonly form: string;
  /** The variable that names a file with the value instead; for what may be a secret. */
  readonly fileVariable?: string;
}

/** Every variable of a definition, in the order of their declaration. */
export function describeConfig(definition: ConfigDefinition): readonly VariableDescription[] {
  return Object.values(definition.fields).map((variable) => {
    const { name, type, defaultValue, required, unit, description } = variable;
    const fileVariable = fileVariableOf(variable);
    return {
      name,
      default: required ? '(required)' : defaultValue === undefined ? '' : type.print(defaultValue),
      unit,
      description,
      form: type.form,
      ...(fileVariable !== undefined && { fileVariable }),
    };
  });
}
