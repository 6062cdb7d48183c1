import { boundedText } from '@event-pipeline/runtime';

/** Characters of one text in a field, and of one message. */
export const MAX_FIELD_LENGTH = 256;
export const MAX_MESSAGE_LENGTH = 1_024;
/** Characters of all fields of one call together, names and punctuation included, about. */
const MAX_FIELDS_LENGTH = 16_384;
const MAX_DEPTH = 4;
const MAX_ITEMS = 32;
const MAX_STACK_FRAMES = 12;
/** What a value costs besides its text: quotes, comma, colon, a number's digits. */
const VALUE_LENGTH = 16;

/** Names of fields whose value never appears. */
const SECRET_NAME =
  /(^|[-_])(password|passwd|secret|token|authorization|cookie|api[-_]?key|private[-_]?key)$|[a-z](Password|Secret|Token|ApiKey|PrivateKey)$/i;
const UNREADABLE = '(unreadable)';

/**
 * A copy of the fields that can be written: bounded in size, errors with code and cause, passwords
 * masked, accessors that throw and cycles survived. Never throws.
 */
export function loggableFields(fields: object): Record<string, unknown> {
  try {
    const copier = new FieldCopier();
    return fields instanceof Error ? { err: copier.error(fields, 1) } : copier.entries(fields, 0);
  } catch {
    return { fields: UNREADABLE };
  }
}

/** Copies the fields of one call, and stops when they are enough for one line. */
class FieldCopier {
  #left = MAX_FIELDS_LENGTH;

  entries(value: object, depth: number): Record<string, unknown> {
    const copy: [string, unknown][] = [];
    const entries = value instanceof Map ? value.entries() : Object.entries(value);
    for (const [key, item] of entries) {
      if (copy.length >= MAX_ITEMS || this.#left <= 0) {
        copy.push(['(more)', true]);
        break;
      }
      const name = this.#text(String(key));
      copy.push([name, SECRET_NAME.test(name) ? '***' : this.#value(item, depth + 1)]);
    }
    // Not by assignment: a field named "__proto__" is a field like any other.
    return Object.fromEntries(copy);
  }

  /**
   * Name, code, message, frames and cause. Nothing else: libraries hang whole commands, payloads
   * included, on their errors.
   */
  error(error: Error, depth: number): Record<string, unknown> {
    const { code } = error as { code?: unknown };
    const hasCode = typeof code === 'string' || typeof code === 'number';
    const goesOn = depth < MAX_DEPTH && this.#left > 0;
    return {
      type: this.#text(String(error.name)),
      ...(hasCode && { code: this.#value(code, depth) }),
      message: this.#text(String(error.message)),
      stack: this.#frames(error),
      ...(error instanceof AggregateError &&
        goesOn && { errors: this.#items(error.errors, depth) }),
      ...(error.cause !== undefined && goesOn && { cause: this.#value(error.cause, depth + 1) }),
    };
  }

  #value(value: unknown, depth: number): unknown {
    this.#left -= VALUE_LENGTH;
    switch (typeof value) {
      case 'string':
        return this.#text(value);
      case 'number':
        return Number.isFinite(value) ? value : String(value);
      case 'boolean':
      case 'undefined':
        return value;
      case 'bigint':
        return this.#text(value.toString());
      case 'object':
        return value === null ? null : this.#object(value, depth);
      default:
        return `(${typeof value})`;
    }
  }

  #object(value: object, depth: number): unknown {
    try {
      if (value instanceof Error) return this.error(value, depth);
      if (value instanceof Date) return value.toJSON();
      if (ArrayBuffer.isView(value)) return `(${value.byteLength} bytes)`;
      if (depth >= MAX_DEPTH) return Array.isArray(value) ? '(array)' : '(object)';
      return Array.isArray(value) ? this.#items(value, depth) : this.entries(value, depth);
    } catch {
      return UNREADABLE;
    }
  }

  #items(items: readonly unknown[], depth: number): unknown[] {
    const copy: unknown[] = [];
    for (const item of items) {
      if (copy.length >= MAX_ITEMS || this.#left <= 0) {
        copy.push(`(${items.length - copy.length} more)`);
        break;
      }
      copy.push(this.#value(item, depth + 1));
    }
    return copy;
  }

  /** The frames alone: the message in front of them is repeated text that may hold anything. */
  #frames(error: Error): string {
    const stack = typeof error.stack === 'string' ? error.stack : '';
    const head = `${error.name}: ${error.message}`;
    const frames = stack
      .slice(stack.startsWith(head) ? head.length : 0)
      .slice(0, MAX_STACK_FRAMES * MAX_FIELD_LENGTH)
      .split('\n')
      .filter((line) => /^\s+at /.test(line))
      .slice(0, MAX_STACK_FRAMES)
      .map((line) => line.trim().slice(0, MAX_FIELD_LENGTH))
      .join('\n');
    this.#left -= frames.length;
    return frames;
  }

  #text(text: string): string {
    const shown = boundedText(text, MAX_FIELD_LENGTH);
    this.#left -= shown.length;
    return shown;
  }
}
