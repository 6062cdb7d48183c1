import { resolve } from 'node:path';
import type { Clock, ConfigOf, Random } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';
import type { SameContent } from './content';
import type { EventStore } from './event-store';
import type { storeConfigFields } from './store-config';
import { storeLocationOf } from './store-location';

export { examineStore } from './examine-store';

export type StoreConfig = ConfigOf<typeof storeConfigFields>;

export interface StoreDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** What counts as the same event under one id. */
  readonly sameContent: SameContent;
}

/**
 * Opens the store that the configuration names, and brings its tables up to date: the only file that
 * knows both engines, each of which is loaded when it is used. Undefined for `none`.
 *
 * Resolves also while the store is out of reach; calls then reject with STORE_UNAVAILABLE until it is
 * back. Throws CONFIG_INVALID for one that cannot be used: a wrong URL, folder or password, a
 * database that a newer version has changed.
 */
export async function createStore(
  config: StoreConfig,
  dependencies: StoreDependencies,
): Promise<EventStore | undefined> {
  const location = storeLocationOf(config);
  const timeoutMs = config.storeTimeoutMs;
  switch (location.engine) {
    case 'none':
      return undefined;
    case 'embedded': {
      const { openEmbeddedStore } = await import('./embedded/embedded-store');
      const store = await openEmbeddedStore({ path: location.path, timeoutMs }, dependencies);
      const folder = resolve(location.path);
      dependencies.logger.info({ folder }, `events are stored in the folder ${folder}`);
      return store;
    }
    case 'postgres': {
      const { openPostgresStore } = await import('./postgres/postgres-store');
      const connections = config.storeConnections;
      return openPostgresStore({ location, timeoutMs, connections }, dependencies);
    }
  }
}
