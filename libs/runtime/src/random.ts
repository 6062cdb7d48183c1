import { randomUUID } from 'node:crypto';

/** Chance as the program sees it. Injected, so that a test can repeat a run. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** A random UUID, version 4. */
  uuid(): string;
}

export const systemRandom: Random = { next: () => Math.random(), uuid: () => randomUUID() };
