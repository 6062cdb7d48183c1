import {
  fineFinding,
  obstacleToFolder,
  problemFinding,
  warningFinding,
  type Clock,
  type Finding,
} from '@event-pipeline/runtime';
import { existsSync, statfsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { StoreConfig } from './create-store';
import { DATABASE_FILE } from './embedded/store-folder';
import { shownPostgres, storeLocationOf } from './store-location';

/** Less room than this on the disk is soon used up. */
const LITTLE_ROOM_BYTES = 1_073_741_824;

/** What a look at a store from outside found. Nothing is changed by the look. */
export interface StoreExamination {
  /** Where it is, for people; without credentials. */
  readonly place: string;
  readonly findings: readonly Finding[];
}

/** Looks at the store that STORE_URL names, for the doctor. What it finds is a finding, no rejection. */
export async function examineStore(config: StoreConfig, clock: Clock): Promise<StoreExamination> {
  const location = storeLocationOf(config);
  switch (location.engine) {
    case 'none':
      return { place: 'none', findings: [fineFinding('STORE_URL', 'none')] };
    case 'embedded':
      return { place: resolve(location.path), findings: examineFolder(resolve(location.path)) };
    case 'postgres': {
      const { examinePostgres } = await import('./postgres/examine-postgres');
      const findings = await examinePostgres(location, config, clock);
      return { place: shownPostgres(location), findings };
    }
  }
}

function examineFolder(folder: string): readonly Finding[] {
  const obstacle = obstacleToFolder(folder);
  if (obstacle !== undefined) {
    const means = 'a worker does not start';
    const change = 'name a folder that this user may write to, as in STORE_URL=embedded:./data';
    return [problemFinding('folder', obstacle, means, change)];
  }
  if (!existsSync(folder)) {
    return [warningFinding('folder', 'not there', 'it is made when a worker starts')];
  }
  const { bavail, bsize } = statfsSync(folder);
  const free = `${Math.round((bavail * bsize) / 1_048_576)} MiB`;
  return [
    fineFinding('folder', 'there, and can be written'),
    bavail * bsize < LITTLE_ROOM_BYTES
      ? warningFinding('room on its disk', free, 'a full disk stops the workers', 'make room')
      : fineFinding('room on its disk', free),
    fineFinding('database', existsSync(join(folder, DATABASE_FILE)) ? 'there' : 'not made yet'),
  ];
}
