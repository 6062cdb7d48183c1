import type { StoredEvent } from '@event-pipeline/contracts';
import type { SingleHandler } from '@event-pipeline/consumer';

/** Types counted by their name; whoever sends events chooses the names, so there is a limit. */
const MAX_TYPES = 100;
const OTHER_TYPES = '(other types)';

export interface DefaultHandler {
  readonly handle: SingleHandler<StoredEvent>;
  /** How many events it has handled, by type. */
  counts(): Readonly<Record<string, number>>;
}

/**
 * The handler of every type that has none of its own: counts the event, and that is all. (The
 * consumer itself names each event at debug level, whatever handler it has.)
 */
export function createDefaultHandler(): DefaultHandler {
  const counts = new Map<string, number>();
  return {
    handle: ({ type }) => {
      const name = counts.has(type) || counts.size < MAX_TYPES ? type : OTHER_TYPES;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    },
    counts: () => Object.fromEntries(counts),
  };
}
