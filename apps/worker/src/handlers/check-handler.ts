import type { EventHandler } from '@event-pipeline/consumer';
import type { StoredEvent } from '@event-pipeline/contracts';
import { shownValue } from '@event-pipeline/runtime';

const DAY_MS = 24 * 60 * 60_000;
const FORM =
  'expected a function (event, context), { handle: (event, context) => … } or ' +
  '{ batch: (events, context) => … }';

/** Least and greatest value of each setting; the same as of its variable. */
const RETRY_SETTINGS: Readonly<Record<string, readonly [min: number, max: number]>> = {
  maxAttempts: [1, 1_000],
  baseDelayMs: [0, DAY_MS],
  maxDelayMs: [0, DAY_MS],
  maxAgeMs: [0, 365 * DAY_MS],
};
const TIMEOUT_RANGE = [0, DAY_MS] as const;
const SETTINGS = ['handle', 'batch', 'retry', 'timeoutMs'];

/** A handler as a module exports it, or what is wrong with it, one line each. */
export type CheckedHandler =
  { readonly handler: EventHandler<StoredEvent> } | { readonly problems: readonly string[] };

/** @param name how a message calls it: `the handler for "a"` */
export function checkHandler(name: string, exported: unknown): CheckedHandler {
  if (typeof exported === 'function') return { handler: exported as EventHandler<StoredEvent> };
  if (!isObject(exported) || !('handle' in exported || 'batch' in exported)) {
    return { problems: [`has ${shown(exported)} as ${name}; ${FORM}`] };
  }
  const problems = [
    ...formProblems(name, exported),
    ...(exported['retry'] === undefined ? [] : retryProblems(name, exported['retry'])),
    ...(exported['timeoutMs'] === undefined
      ? []
      : numberProblems(`timeoutMs of ${name}`, exported['timeoutMs'], TIMEOUT_RANGE)),
    // An object of a class may have whatever it needs for itself.
    ...(isPlain(exported) ? unknownProblems(name, exported, SETTINGS) : []),
  ];
  if (problems.length > 0) return { problems };
  return { handler: exported as unknown as EventHandler<StoredEvent> };
}

function formProblems(name: string, exported: Fields): string[] {
  if ('handle' in exported && 'batch' in exported) {
    return [`has both handle and batch in ${name}; expected one of them`];
  }
  const form = 'handle' in exported ? 'handle' : 'batch';
  const given = exported[form];
  if (typeof given === 'function') return [];
  return [`has ${shown(given)} as ${form} of ${name}; expected a function`];
}

function retryProblems(name: string, retry: unknown): string[] {
  if (!isObject(retry) || Array.isArray(retry)) {
    return [
      `has ${shown(retry)} as retry of ${name}; expected { ${Object.keys(RETRY_SETTINGS).join(', ')} }`,
    ];
  }
  const problems = unknownProblems(`retry of ${name}`, retry, Object.keys(RETRY_SETTINGS));
  for (const [setting, range] of Object.entries(RETRY_SETTINGS)) {
    if (retry[setting] === undefined) continue;
    problems.push(...numberProblems(`retry.${setting} of ${name}`, retry[setting], range));
  }
  return problems;
}

function numberProblems(
  name: string,
  value: unknown,
  [min, max]: readonly [min: number, max: number],
): string[] {
  const fits = Number.isInteger(value) && Number(value) >= min && Number(value) <= max;
  if (fits) return [];
  return [`has ${shown(value)} as ${name}; expected a whole number from ${min} to ${max}`];
}

function unknownProblems(name: string, object: Fields, known: readonly string[]): string[] {
  return Object.keys(object)
    .filter((key) => !known.includes(key))
    .map((key) => `has "${key}" in ${name}, which means nothing; known are ${known.join(', ')}`);
}

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  return prototype === Object.prototype || prototype === null;
}

/** A value as a message can bear it: itself where that is short, else what it is. */
function shown(value: unknown): string {
  if (typeof value === 'string') return shownValue(value);
  if (typeof value === 'symbol' || typeof value === 'function') return `a ${typeof value}`;
  if (typeof value !== 'object' || value === null) return String(value);
  return Array.isArray(value) ? 'a list' : 'an object';
}
