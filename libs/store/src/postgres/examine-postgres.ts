import {
  compareClocks,
  fineFinding,
  problemFinding,
  warningFinding,
  type Clock,
  type Finding,
} from '@event-pipeline/runtime';
import type { StoreConfig } from '../create-store';
import type { PostgresLocation } from '../store-location';
import { UNDEFINED_DATABASE, sqlState, toStoreError, whatToDoAbout } from './postgres-errors';
import { PostgresLink } from './postgres-link';
import {
  CREATE_WITH_ENCODING,
  NEEDED_ENCODING,
  POSTGRES_SCHEMA,
  VERSION_TABLE,
} from './postgres-schema';

const CHECK_URL = 'check STORE_URL, and whether the server runs';
const CHECK_URL_AND_PASSWORD = 'check STORE_URL and STORE_PASSWORD';

/** Looks at the database from outside, and changes nothing. What it finds is a finding, no rejection. */
export async function examinePostgres(
  location: PostgresLocation,
  { storeTimeoutMs: timeoutMs, storePassword, storeRetentionDays }: StoreConfig,
  clock: Clock,
): Promise<readonly Finding[]> {
  const mask = (text: string) => masked(text, [location.password, storePassword]);
  const link = new PostgresLink({ location, connections: 1, timeoutMs }, clock);
  try {
    return [
      fineFinding('reachable', 'yes'),
      ...(await serverFindings(link, location.user)),
      ...(await schemaFindings(link, location.user, storeRetentionDays > 0)),
      await compareClocks(clock, async () => {
        const sql = 'select extract(epoch from clock_timestamp()) * 1000 as now';
        return Number((await link.query<{ now: string }>(sql)).rows[0]?.now);
      }),
    ];
  } catch (error) {
    return [unreachable(error, location, mask)];
  } finally {
    await link.close();
  }
}

/** What a worker makes of the same error: it ends for CONFIG_INVALID and waits for anything else. */
function unreachable(
  error: unknown,
  { database }: PostgresLocation,
  mask: (text: string) => string,
): Finding {
  const { code, message } = toStoreError(error);
  const advice = whatToDoAbout(error);
  const reason = advice === undefined ? message : message.replace(`: ${advice}`, '');
  const value = mask(`no: ${reason}`);
  if (code !== 'CONFIG_INVALID') {
    return problemFinding('reachable', value, 'the worker waits for it', CHECK_URL);
  }
  const means = 'a worker does not start';
  if (sqlState(error) !== UNDEFINED_DATABASE) {
    return problemFinding('reachable', value, means, mask(advice ?? CHECK_URL_AND_PASSWORD));
  }
  return problemFinding(
    'reachable',
    value,
    means,
    mask(CREATE_WITH_ENCODING.replace('…', `"${database.replaceAll('"', '""')}"`)),
    'or name another database in STORE_URL',
  );
}

async function serverFindings(link: PostgresLink, user: string): Promise<readonly Finding[]> {
  const setting = async (name: string) => {
    const sql = 'select current_setting($1) as value';
    return (await link.query<{ value: string }>(sql, [name])).rows[0]?.value ?? 'unknown';
  };
  const version = await setting('server_version');
  const readOnly = await setting('transaction_read_only');
  const commit = await setting('synchronous_commit');
  const fsync = await setting('fsync');
  const encoding = await setting('server_encoding');
  return [
    fineFinding('version', version),
    ...(readOnly === 'on'
      ? [
          problemFinding(
            'transaction_read_only',
            readOnly,
            'a replica, or set so: the worker waits until it can write',
            'name the primary in STORE_URL',
          ),
        ]
      : []),
    encoding === NEEDED_ENCODING
      ? fineFinding('encoding', encoding)
      : problemFinding(
          'encoding',
          encoding,
          'no worker starts with it: it cannot hold every text',
          CREATE_WITH_ENCODING,
        ),
    commit === 'off'
      ? problemFinding(
          'synchronous_commit',
          commit,
          'a crash loses what was just stored',
          `ALTER ROLE "${user}" SET synchronous_commit = on`,
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
  ];
}

/** The version of the schema, and whether the user may do there what the worker does. */
async function schemaFindings(
  link: PostgresLink,
  user: string,
  deletes: boolean,
): Promise<readonly Finding[]> {
  const newest = POSTGRES_SCHEMA.length;
  const [place] = (
    await link.query<{ table: string | null; schema: string | null; creates: boolean | null }>(
      `select to_regclass($1)::text as table, current_schema() as schema,
              has_schema_privilege(current_schema(), 'create') as creates`,
      [VERSION_TABLE],
    )
  ).rows;
  const isMade = typeof place?.table === 'string';
  const sql = `select version from ${VERSION_TABLE}`;
  const version = isMade ? ((await link.query<{ version: number }>(sql)).rows[0]?.version ?? 0) : 0;
  const schema = schemaFinding(version, newest);
  if (version < newest && place?.creates !== true) {
    const grant = `GRANT CREATE ON SCHEMA "${place?.schema ?? 'public'}" TO "${user}"`;
    const means = 'a worker does not start: it cannot make its tables';
    return [schema, problemFinding('permissions', `user ${user} lacks CREATE`, means, grant)];
  }
  if (version !== newest) return [schema];
  const needed = ['insert', 'select', ...(deletes ? ['delete', 'update'] : [])];
  const { rows } = await link.query<{ right: string }>(
    `select needed as right from unnest($1::text[]) as needed
     where to_regclass('events') is not null
       and not has_table_privilege(to_regclass('events'), needed)`,
    [needed],
  );
  const missing = rows.map(({ right }) => right.toUpperCase()).join(', ');
  if (missing === '') return [schema];
  const means = 'what the worker does is refused';
  const grant = `GRANT ${missing} ON events TO "${user}"`;
  return [
    schema,
    problemFinding('permissions', `user ${user} lacks ${missing} on events`, means, grant),
  ];
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

function masked(text: string, secrets: readonly (string | undefined)[]): string {
  return secrets.reduce<string>((rest, secret) => {
    return secret ? rest.replaceAll(secret, '***') : rest;
  }, text);
}
