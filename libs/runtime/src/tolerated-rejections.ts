type Matcher = (reason: unknown) => boolean;

const matchers = new Set<Matcher>();

/**
 * Says that unhandled rejections which match are known and harmless: {@link runProgram} logs them
 * and goes on, where any other ends the program. For libraries that reject a second promise, which
 * nobody can reach, beside the one they return. Returns the undo.
 */
export function tolerateRejections(matches: Matcher): () => void {
  // A function of its own, so that the same matcher given twice is undone one at a time.
  const matcher: Matcher = (reason) => matches(reason);
  matchers.add(matcher);
  return () => void matchers.delete(matcher);
}

/** Whether an unhandled rejection was declared harmless. */
export function isToleratedRejection(reason: unknown): boolean {
  for (const matches of matchers) {
    try {
      if (matches(reason)) return true;
    } catch {
      // A matcher that cannot judge this reason does not match it.
    }
  }
  return false;
}
