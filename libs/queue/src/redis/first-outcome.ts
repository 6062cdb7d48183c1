import type { EventEmitter } from 'node:events';

/** What ioredis' clients tell when a connection is made, or is not. */
const OUTCOMES = ['ready', 'error', 'end'];

/** Resolves at the client's first outcome from now on, or when `limitMs` is over. */
export function firstOutcome(client: EventEmitter, limitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      for (const outcome of OUTCOMES) client.off(outcome, done);
      resolve();
    };
    const timer = setTimeout(done, limitMs);
    for (const outcome of OUTCOMES) client.once(outcome, done);
  });
}
