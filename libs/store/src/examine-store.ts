import {
  compareClocks,
  fineFinding,
  problemFinding,
  warningFinding,
  type Clock,
  type Finding,
} from '@event-pipeline/runtime';
import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { StoreConfig } from './create-store';
import { DATABASE_FILE } from './embedded/store-folder';
import { shownPostgres, storeLocationOf, type PostgresLocation } from './store-location';

/** Less room than this on the disk is soon used up. */
const LITTLE_ROOM_BYTES = 1_073_741_824;

const CHECK_URL = 'check STORE_URL, and whether the server runs';
const CHECK_URL_AND_PASSWORD = 'check STORE_URL and STORE_PASSWORD';

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
    case 'postgres':
      return {
        place: shownPostgres(location),
        findings: await examinePostgres(location, config, clock),
      };
  }
}

function examineFolder(folder: string): readonly Finding[] {
  if (!existsSync(folder)) {
    return [warningFinding('folder', 'not there', 'it is made when a worker starts')];
  }
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    const means = 'this user may not write there';
    return [problemFinding('folder', 'there', means, `chown -R "$(id -u)" '${folder}'`)];
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

async function examinePostgres(
  location: PostgresLocation,
  { storeTimeoutMs: timeoutMs, storePassword }: StoreConfig,
  clock: Clock,
): Promise<readonly Finding[]> {
  const { PostgresLink } = await import('./postgres/postgres-link');
  const { CREATE_WITH_ENCODING, NEEDED_ENCODING, POSTGRES_SCHEMA, VERSION_TABLE } =
    await import('./postgres/postgres-schema');
  const { toStoreError } = await import('./postgres/postgres-errors');
  const link = new PostgresLink({ location, connections: 1, timeoutMs }, clock);
  const setting = async (name: string) => {
    const { rows } = await link.query<{ value: string }>('select current_setting($1) as value', [
      name,
    ]);
    return rows[0]?.value ?? 'unknown';
  };
  try {
    const version = await setting('server_version');
    const commit = await setting('synchronous_commit');
    const fsync = await setting('fsync');
    const encoding = await setting('server_encoding');
    const { rows } = await link.query<{ name: string | null }>('select to_regclass($1) as name', [
      VERSION_TABLE,
    ]);
    const isMade = typeof rows[0]?.name === 'string';
    const schema = isMade
      ? (await link.query<{ version: number }>(`select version from ${VERSION_TABLE}`)).rows[0]
      : undefined;
    return [
      fineFinding('reachable', 'yes'),
      fineFinding('version', version),
      encoding === NEEDED_ENCODING
        ? fineFinding('encoding', encoding)
        : problemFinding(
            'encoding',
            encoding,
            'no worker starts with it: it cannot hold every text',
            ...[CREATE_WITH_ENCODING],
          ),
      schemaFinding(schema?.version ?? 0, POSTGRES_SCHEMA.length),
      commit === 'off'
        ? problemFinding(
            'synchronous_commit',
            commit,
            'a crash loses what was just stored',
            `ALTER ROLE "${location.user}" SET synchronous_commit = on`,
          )
        : fineFinding('synchronous_commit', commit),
      fsync === 'on'
        ? fineFinding('fsync', fsync)
        : problemFinding(
            'fsync',
            fsync,
            'a power cut may destroy the database',
            'postgresql.conf: fsync = on',
          ),
      await compareClocks(clock, async () => {
        const sql = 'select extract(epoch from clock_timestamp()) * 1000 as now';
        return Number((await link.query<{ now: string }>(sql)).rows[0]?.now);
      }),
    ];
  } catch (error) {
    const { code, message } = toStoreError(error);
    const value = `no: ${masked(message, [location.password, storePassword])}`;
    return [
      code === 'CONFIG_INVALID'
        ? problemFinding('reachable', value, 'a worker does not start', CHECK_URL_AND_PASSWORD)
        : problemFinding('reachable', value, 'the worker waits for it', CHECK_URL),
    ];
  } finally {
    await link.close();
  }
}

function masked(text: string, secrets: readonly (string | undefined)[]): string {
  return secrets.reduce<string>((rest, secret) => {
    return secret ? rest.replaceAll(secret, '***') : rest;
  }, text);
}

function schemaFinding(version: number, newest: number): Finding {
  if (version === newest) return fineFinding('schema', `version ${version}`);
  if (version < newest) {
    const means = `version ${newest} is made when a worker starts`;
    return warningFinding('schema', `version ${version}`, means);
  }
  const means = `this program knows ${newest} at most`;
  return problemFinding('schema', `version ${version}`, means, 'run the newer version');
}
