import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DEFAULT_HANDLER, type EventHandler, type HandlersByType } from '@event-pipeline/consumer';
import { EVENT_TYPE_PATTERN, type StoredEvent } from '@event-pipeline/contracts';
import { PipelineError, messageOf } from '@event-pipeline/runtime';
import { checkHandler } from './check-handler';
import { callersFile, failurePlace, type Place } from './failure-place';

/**
 * Loads a user's handlers from a JavaScript module, CommonJS or ES: an object of handlers by event
 * type, as `module.exports`, as the default export, or as the module's named exports.
 *
 * The module runs inside the worker, with all that the worker may do.
 *
 * @param path relative to the current directory
 * @throws PipelineError CONFIG_INVALID, a line for each problem: what is wrong with which file, and
 *   what to do
 */
export async function loadHandlers(path: string): Promise<HandlersByType<StoredEvent>> {
  const file = resolve(path);
  await insistOnFile(path, file);
  const exported = handlersOf(await importModule(file));
  if (exported === undefined) {
    throw invalid(
      file,
      `exports no handlers; expected module.exports = { event_type: handler, … }`,
    );
  }
  const handlers = new Map<string, EventHandler<StoredEvent>>();
  const problems: string[] = [];
  for (const [type, handler] of Object.entries(exported)) {
    if (type !== DEFAULT_HANDLER && !EVENT_TYPE_PATTERN.test(type)) {
      problems.push(
        `has a handler for "${type}", which is no event type; expected a letter, then letters, ` +
          `digits, "_", "." or "-", or "${DEFAULT_HANDLER}" for all other types`,
      );
    }
    const checked = checkHandler(`the handler for "${type}"`, handler);
    if ('handler' in checked) handlers.set(type, checked.handler);
    else problems.push(...checked.problems);
  }
  if (problems.length > 0) throw invalid(file, ...problems);
  return handlers;
}

async function insistOnFile(path: string, file: string): Promise<void> {
  const found = await stat(file).catch((error: unknown) => {
    const absent = (error as { code?: unknown }).code === 'ENOENT';
    const problem = absent ? 'there is no such file' : messageOf(error);
    throw invalid(file, `(given as ${path}): ${problem}`);
  });
  if (!found.isFile()) throw invalid(file, `(given as ${path}) is no file`);
}

/** import() takes both module systems, and the bundler leaves a computed one as it is. */
async function importModule(file: string): Promise<Readonly<Record<string, unknown>>> {
  const own = callersFile();
  try {
    return (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    const [firstLine = ''] = messageOf(error).split('\n');
    const name = error instanceof Error ? error.name : 'error';
    const place = error instanceof Error ? await failurePlace(error, file, own) : undefined;
    const where = place === undefined ? '' : placeText(place, file);
    const hint = /Unexpected token 'export'|Cannot use import statement/.test(firstLine)
      ? '; name it .mjs, or put "type": "module" into the package.json beside it'
      : '';
    throw new PipelineError(
      'CONFIG_INVALID',
      `WORKER_HANDLERS: ${file} cannot be loaded: ${name}: ${firstLine}${where}${hint}`,
      { cause: error },
    );
  }
}

function placeText(place: Place, file: string): string {
  return place.file === file
    ? ` (in line ${place.line})`
    : ` (in ${place.file}, line ${place.line})`;
}

/** The object that maps types to handlers, wherever the module system has put it. */
function handlersOf(module: Readonly<Record<string, unknown>>): object | undefined {
  let exported = module['default'];
  if (isObject(exported) && '__esModule' in exported) exported = exported.default ?? exported;
  exported ??= Object.fromEntries(Object.entries(module).filter(([name]) => name !== 'default'));
  return isObject(exported) && Object.keys(exported).length > 0 ? exported : undefined;
}

function isObject(value: unknown): value is { default?: unknown } {
  return typeof value === 'object' && value !== null;
}

function invalid(file: string, ...problems: readonly string[]): PipelineError {
  const lines = problems.map((problem) => `WORKER_HANDLERS: ${file} ${problem}`);
  return new PipelineError('CONFIG_INVALID', lines.join('\n'));
}
