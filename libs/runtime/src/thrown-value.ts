/**
 * Looks at what was thrown. That may be anything: a revoked proxy, on which even `instanceof` throws,
 * or an error whose own properties do. Nothing here throws.
 */

/** Whether it is of this class; false where that cannot be found out. */
export function isInstance<T>(
  thrown: unknown,
  type: abstract new (...args: never[]) => T,
): thrown is T {
  try {
    return thrown instanceof type;
  } catch {
    return false;
  }
}

/** A property of it; undefined where it has none, or reading it throws. */
export function propertyOf(thrown: unknown, name: string): unknown {
  if (typeof thrown !== 'object' || thrown === null) return undefined;
  try {
    return Reflect.get(thrown, name);
  } catch {
    return undefined;
  }
}

/** The first item of a list; undefined for whatever else, and where reading it throws. */
export function firstOf(list: unknown): unknown {
  try {
    return Array.isArray(list) ? (list[0] as unknown) : undefined;
  } catch {
    return undefined;
  }
}

/** Its message, for people. */
export function messageOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? String(thrown.message) : String(thrown);
  } catch {
    return 'unprintable error';
  }
}
