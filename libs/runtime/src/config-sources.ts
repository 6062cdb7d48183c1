import { readFileSync, statSync } from 'node:fs';
import type { EnvVariable } from './config-fields';
import { shownValue } from './shown-text';

/** Names a file with variables, for those that the environment does not have. */
export const CONFIG_FILE = 'CONFIG_FILE';
/** NAME_FILE names a file that holds the value of NAME. */
const FILE_SUFFIX = '_FILE';
const MAX_CONFIG_FILE_BYTES = 1_048_576;
const MAX_VALUE_FILE_BYTES = 65_536;
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The text of a variable, and where it stands where that is not the environment. */
export interface GivenText {
  readonly text: string;
  readonly origin?: string;
}

export interface ConfigSources {
  /** By the names of variables; only those that are set. */
  readonly given: ReadonlyMap<string, GivenText>;
  /** Files that cannot be used, a sentence each. Never a part of their content. */
  readonly problems: readonly string[];
}

/** NAME_FILE for a variable whose value may be a secret; undefined for any other. */
export function fileVariableOf({ name, type }: EnvVariable<unknown>): string | undefined {
  return type.secret || type.show !== undefined ? `${name}${FILE_SUFFIX}` : undefined;
}

/**
 * Where the values of variables stand, the first that has one: the environment, as the value or as a
 * file that holds it (NAME_FILE, for secrets); the file that CONFIG_FILE names, in the same two ways.
 *
 * Blanks around a value are dropped, an empty one counts as unset. Both NAME and NAME_FILE in one place are a
 * mistake. Files are read here and not again.
 */
export function readConfigSources(
  variables: readonly EnvVariable<unknown>[],
  environment: NodeJS.ProcessEnv,
): ConfigSources {
  const problems: string[] = [];
  const given = new Map<string, GivenText>();
  const configFile = environment[CONFIG_FILE]?.trim() ?? '';
  const fromFile = configFile === '' ? {} : readVariables(configFile, problems);
  for (const variable of variables) {
    const found =
      find(variable, environment, undefined, problems) ??
      find(variable, fromFile, configFile, problems);
    if (found) given.set(variable.name, found);
  }
  return { given, problems };
}

/** The file that holds the value of a variable; undefined where it stands elsewhere, or nowhere. */
export function valueFileOf(
  variable: EnvVariable<unknown>,
  environment: NodeJS.ProcessEnv,
): string | undefined {
  const configFile = environment[CONFIG_FILE]?.trim() ?? '';
  const origin = readConfigSources([variable], environment).given.get(variable.name)?.origin;
  if (origin !== configFile) return origin;
  return undefined;
}

function find(
  variable: EnvVariable<unknown>,
  values: Readonly<Record<string, string | undefined>>,
  source: string | undefined,
  problems: string[],
): GivenText | undefined {
  const { name } = variable;
  const text = values[name]?.trim() ?? '';
  const fileName = fileVariableOf(variable);
  const file = fileName === undefined ? '' : (values[fileName]?.trim() ?? '');
  const where = source === undefined ? '' : ` in ${shownValue(source)}`;
  if (text !== '' && file !== '') {
    problems.push(`${name} and ${fileName} are both set${where}; expected one of them`);
  }
  if (text !== '') return { text, ...(source !== undefined && { origin: source }) };
  if (file === '') return undefined;
  const content = readBounded(`${fileName}${where}`, file, MAX_VALUE_FILE_BYTES, problems)?.trim();
  if (content === '') {
    problems.push(`${fileName}${where} is ${shownValue(file)}, which is empty; expected a value`);
  }
  // Not "unset": what is wrong with it has been said.
  return content === undefined || content === '' ? undefined : { text: content, origin: file };
}

function readVariables(file: string, problems: string[]): Record<string, string> {
  const content = readBounded(CONFIG_FILE, file, MAX_CONFIG_FILE_BYTES, problems);
  if (content === undefined) return {};
  const about = `${CONFIG_FILE} ${shownValue(file)}`;
  return content.trimStart().startsWith('{')
    ? fromJson(content, about, problems)
    : fromLines(content, about, problems);
}

function fromJson(content: string, about: string, problems: string[]): Record<string, string> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(content);
  } catch {
    // The parser's own words would show what stands there.
    problems.push(`${about} is not JSON; expected an object of names and values`);
    return {};
  }
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(parsed as object)) {
    if (['string', 'number', 'boolean'].includes(typeof value)) values[name] = String(value);
    else problems.push(`${about}: ${shownValue(name)} is no text, number, true or false`);
  }
  return values;
}

/** Lines NAME=VALUE, as Docker's --env-file and systemd's EnvironmentFile= take them. */
function fromLines(content: string, about: string, problems: string[]): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [at, line] of content.split(/\r?\n/).entries()) {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) continue;
    const equals = text.indexOf('=');
    const name = text.slice(0, equals).trim();
    if (equals < 0 || !VARIABLE_NAME.test(name)) {
      problems.push(`${about}, line ${at + 1}: expected NAME=VALUE`);
      continue;
    }
    const value = text.slice(equals + 1).trim();
    const [, , quoted] = /^(["'])(.*)\1$/.exec(value) ?? [];
    values[name] = quoted ?? value;
  }
  return values;
}

function readBounded(
  name: string,
  file: string,
  maxBytes: number,
  problems: string[],
): string | undefined {
  const fail = (what: string): undefined => {
    problems.push(`${name} is ${shownValue(file)}, ${what}`);
    return undefined;
  };
  try {
    const stats = statSync(file);
    // A pipe or a device could keep the program waiting, or never end.
    if (!stats.isFile()) return fail('which is no file');
    if (stats.size > maxBytes) return fail(`which is larger than ${maxBytes} bytes`);
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    const reasons: Readonly<Record<string, string>> = {
      ENOENT: 'which does not exist',
      EACCES: 'which this user may not read',
    };
    return fail(reasons[code] ?? `which cannot be read (${code})`);
  }
}
