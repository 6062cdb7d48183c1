import { maskCredentials } from '@event-pipeline/runtime';

/** What a log line may hold: hostile values arrive here, and none may make a line large or fail. */
export const MAX_FIELD_LENGTH = 256;
export const MAX_MESSAGE_LENGTH = 1_024;
const MAX_DEPTH = 4;
const MAX_ITEMS = 32;
/** Values in one line, at all depths together. */
const MAX_VALUES = 256;
const MAX_STACK_FRAMES = 12;
const UNREADABLE = '(unreadable)';

/** Names of fields whose value never appears. */
const SECRET_NAME = /^(password|passwd|secret|token|authorization|api[-_]?key)$/i;

/**
 * A copy of the fields that can be written: bounded in size, errors with code and cause, passwords
 * masked, accessors that throw and cycles survived. Never throws.
 */
export function loggableFields(fields: object): Record<string, unknown> {
  const budget = { left: MAX_VALUES };
  try {
    if (fields instanceof Error) return { err: loggableError(fields, budget, 1) };
    return loggableEntries(fields, budget, 0);
  } catch {
    return { fields: UNREADABLE };
  }
}

/** The text cut to `maxLength`, with a mark where something is missing, passwords masked. */
export function loggableText(text: string, maxLength: number): string {
  if (text.length <= maxLength) return maskCredentials(text);
  // Cut first: masking must not run over a megabyte. A surrogate pair is not cut in half.
  const cut = text.slice(0, maxLength).replace(/[\ud800-\udbff]$/, '');
  return `${maskCredentials(cut)}…`;
}

interface Budget {
  left: number;
}

type Loggable = string | number | boolean | null | undefined | object;

function loggableValue(value: unknown, budget: Budget, depth: number): Loggable {
  budget.left -= 1;
  switch (typeof value) {
    case 'string':
      return loggableText(value, MAX_FIELD_LENGTH);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
    case 'undefined':
      return value;
    case 'bigint':
      return value.toString().slice(0, MAX_FIELD_LENGTH);
    case 'object':
      return value === null ? null : loggableObject(value, budget, depth);
    default:
      return `(${typeof value})`;
  }
}

function loggableObject(
  value: object,
  budget: Budget,
  depth: number,
): Record<string, unknown> | string | Loggable[] {
  try {
    if (value instanceof Error) return loggableError(value, budget, depth);
    if (value instanceof Date) return String(value.getTime());
    if (ArrayBuffer.isView(value)) return `(${value.byteLength} bytes)`;
    if (depth >= MAX_DEPTH) return Array.isArray(value) ? '(array)' : '(object)';
    if (Array.isArray(value)) return loggableItems(value, budget, depth);
    return loggableEntries(value, budget, depth);
  } catch {
    return UNREADABLE;
  }
}

function loggableItems(items: readonly unknown[], budget: Budget, depth: number): Loggable[] {
  const copy: Loggable[] = [];
  for (const item of items) {
    if (copy.length >= MAX_ITEMS || budget.left <= 0) {
      copy.push(`(${items.length - copy.length} more)`);
      break;
    }
    copy.push(loggableValue(item, budget, depth + 1));
  }
  return copy;
}

function loggableEntries(value: object, budget: Budget, depth: number): Record<string, unknown> {
  const copy: [string, unknown][] = [];
  const entries = value instanceof Map ? value.entries() : Object.entries(value);
  for (const [key, item] of entries) {
    if (copy.length >= MAX_ITEMS || budget.left <= 0) {
      copy.push(['(more)', true]);
      break;
    }
    const name = loggableText(String(key), MAX_FIELD_LENGTH);
    const secret = SECRET_NAME.test(name);
    copy.push([name, secret ? '***' : loggableValue(item, budget, depth + 1)]);
  }
  // Not by assignment: a field named "__proto__" is a field like any other.
  return Object.fromEntries(copy);
}

/**
 * Name, code, message, frames and cause. Nothing else: libraries hang whole commands, payloads
 * included, on their errors.
 */
function loggableError(error: Error, budget: Budget, depth: number): Record<string, unknown> {
  const copy: Record<string, unknown> = { type: loggableText(error.name, MAX_FIELD_LENGTH) };
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' || typeof code === 'number') {
    copy['code'] = loggableValue(code, budget, depth);
  }
  copy['message'] = loggableText(String(error.message), MAX_FIELD_LENGTH);
  copy['stack'] = framesOf(error);
  if (error instanceof AggregateError && depth < MAX_DEPTH) {
    copy['errors'] = loggableItems(error.errors, budget, depth);
  }
  if (error.cause !== undefined && depth < MAX_DEPTH && budget.left > 0) {
    copy['cause'] = loggableValue(error.cause, budget, depth + 1);
  }
  return copy;
}

/** The frames alone: the message in front of them is repeated text that may hold anything. */
function framesOf(error: Error): string {
  const stack = typeof error.stack === 'string' ? error.stack : '';
  return stack
    .slice(stack.startsWith(String(error)) ? String(error).length : 0)
    .slice(0, MAX_STACK_FRAMES * MAX_FIELD_LENGTH)
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, MAX_STACK_FRAMES)
    .map((line) => line.trim().slice(0, MAX_FIELD_LENGTH))
    .join('\n');
}
