import { startPostgresServer, type PostgresServer } from '@event-pipeline/store/testing';
import type { Deliveries } from './deliveries';
import type { FoundEvent } from './invariants';
import type { Scratch } from './scratch';

/** Where the events of a test end. */
export interface EventEnd {
  /** The variables that lead a worker to it. */
  readonly variables: Readonly<Record<string, string>>;
  /** Whether it keeps each event once, however often it was delivered. */
  readonly storedOnce: boolean;
  /** Every copy that it holds. */
  found(): Promise<readonly FoundEvent[]>;
  readonly postgres?: PostgresServer;
}

export type StoreKind = 'none' | 'postgres';

export async function eventEnd(
  kind: StoreKind,
  deliveries: Deliveries,
  scratch: Scratch,
): Promise<EventEnd> {
  if (kind === 'none') {
    return { variables: {}, storedOnce: false, found: () => deliveries.all() };
  }
  const postgres = await startPostgresServer();
  scratch.afterwards(() => postgres.stop());
  return { variables: {}, storedOnce: true, found: () => Promise.resolve([]), postgres };
}
