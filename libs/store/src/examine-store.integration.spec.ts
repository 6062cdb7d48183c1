import { systemClock, systemRandom } from '@event-pipeline/runtime';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import { identicalText } from './content';
import { createStore, type StoreConfig } from './create-store';
import { examineStore } from './examine-store';
import { storable } from './testing/store-under-test';
import { startPostgresServer, type PostgresServer } from './testing/postgres-server';

const PASSWORD = 'correct-horse';
let server: PostgresServer;
let url: string;
beforeAll(async () => {
  server = await startPostgresServer({ password: PASSWORD });
});
afterAll(() => server.stop());
beforeEach(async () => {
  url = await server.createDatabase();
});

function config(more: Partial<StoreConfig> = {}): StoreConfig {
  return {
    storeUrl: url.replace(`:${PASSWORD}@`, '@'),
    storePassword: PASSWORD,
    storeRetentionDays: 0,
    storeTimeoutMs: 20_000,
    storeConnections: 2,
    ...more,
  };
}

async function openStore(more?: Partial<StoreConfig>) {
  const { logger } = createLogSink();
  const basics = { clock: systemClock, random: systemRandom, logger, sameContent: identicalText };
  const store = await createStore(config(more), basics);
  if (store === undefined) throw new Error('there is no store');
  return store;
}

const examine = (more?: Partial<StoreConfig>) => examineStore(config(more), systemClock);

async function findingsOf(more?: Partial<StoreConfig>) {
  const { findings } = await examine(more);
  return Object.fromEntries(findings.map((finding) => [finding.setting, finding]));
}

describe('a look at a PostgreSQL that asks for a password', () => {
  it('uses STORE_PASSWORD, as the worker does', async () => {
    const store = await openStore();
    expect(await store.put([storable()])).toMatchObject({ stored: 1 });
    await store.close();
    const { place, findings } = await examine();
    expect(place).not.toContain(PASSWORD);
    expect(findings.filter(({ level }) => level !== 'ok')).toEqual([]);
    expect(findings.map(({ setting }) => setting)).toEqual(
      expect.arrayContaining(['reachable', 'version', 'schema', 'synchronous_commit', 'fsync']),
    );
  });

  it('prefers the password of the URL', async () => {
    const { reachable } = await findingsOf({ storeUrl: url, storePassword: 'other' });
    expect(reachable).toMatchObject({ level: 'ok' });
  });

  it('names a wrong one, and shows none', async () => {
    const findings = await findingsOf({ storePassword: 'wrong-battery' });
    expect(findings['reachable']).toMatchObject({
      level: 'problem',
      value: expect.stringMatching(/password authentication failed/) as string,
      meaning: 'a worker does not start',
      change: [expect.stringMatching(/STORE_PASSWORD/)],
    });
    expect(JSON.stringify(findings)).not.toContain('wrong-battery');
  });

  it('shows neither password where an answer bears them', async () => {
    // The name of the database is what the server's answer repeats.
    const storeUrl = url.replace(/test_\d+$/, `no_${PASSWORD}_and_other-one`);
    const findings = await findingsOf({ storeUrl, storePassword: 'other-one' });
    expect(findings['reachable']).toMatchObject({
      value: expect.stringContaining('no_***_and_***') as string,
    });
  });
});

describe('a look at a PostgreSQL', () => {
  it('tells that the database is not there: a worker does not start, and how to make it', async () => {
    const storeUrl = url.replace(/test_\d+$/, 'not-there');
    expect((await findingsOf({ storeUrl }))['reachable']).toMatchObject({
      level: 'problem',
      value: 'no: PostgreSQL: database "not-there" does not exist',
      meaning: 'a worker does not start',
      change: [
        `CREATE DATABASE "not-there" ENCODING 'UTF8' TEMPLATE template0`,
        'or name another database in STORE_URL',
      ],
    });
    await expect(openStore({ storeUrl })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  describe('with a user of few rights', () => {
    const limited = () => ({ storeUrl: url.replace('//postgres:', '//limited:') });
    beforeAll(() => server.query(`create role limited login password '${PASSWORD}'`));

    it('tells that it may not make its tables, until it may', async () => {
      expect((await findingsOf(limited()))['permissions']).toMatchObject({
        level: 'problem',
        value: 'user limited lacks CREATE',
        change: ['GRANT CREATE ON SCHEMA "public" TO "limited"'],
      });
      await expect(openStore(limited())).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
      await server.query('grant create on schema "public" to "limited"', [], { url });
      expect((await findingsOf(limited()))['permissions']).toBeUndefined();
      await (await openStore(limited())).close();
    });

    it('tells which rights on the table it lacks, those of retention where that is on', async () => {
      await (await openStore()).close();
      await server.query('grant select on event_store_schema to limited', [], { url });
      await server.query('grant select on events to limited', [], { url });
      const lacks = async (days: number) =>
        (await findingsOf({ ...limited(), storeRetentionDays: days }))['permissions'];
      expect(await lacks(0)).toMatchObject({
        level: 'problem',
        value: 'user limited lacks INSERT on events',
        change: ['GRANT INSERT ON events TO "limited"'],
      });
      await server.query('grant insert on events to "limited"', [], { url });
      expect(await lacks(0)).toBeUndefined();
      expect(await lacks(7)).toMatchObject({
        value: 'user limited lacks DELETE, UPDATE on events',
      });
    });
  });

  it('tells that nothing may be written there', async () => {
    const database = url.slice(url.lastIndexOf('/') + 1);
    await server.query(`alter database ${database} set default_transaction_read_only = on`);
    expect((await findingsOf())['transaction_read_only']).toMatchObject({ level: 'problem' });
  });

  it('changes nothing: the schema is told to be older, and stays so', async () => {
    expect((await findingsOf())['schema']).toMatchObject({ level: 'warning', value: 'version 0' });
    expect(await server.query("select to_regclass('events')::text as name", [], { url })).toEqual([
      { name: null },
    ]);
  });

  it('tells a schema of a newer version', async () => {
    await (await openStore()).close();
    await server.query('update event_store_schema set version = 99', [], { url });
    expect((await findingsOf())['schema']).toMatchObject({ level: 'problem', value: 'version 99' });
  });

  it('tells that a commit need not be on disk, and what to do', async () => {
    const database = url.slice(url.lastIndexOf('/') + 1);
    await server.query(`alter database ${database} set synchronous_commit = off`);
    expect((await findingsOf())['synchronous_commit']).toMatchObject({
      level: 'problem',
      value: 'off',
      change: ['ALTER ROLE "postgres" SET synchronous_commit = on'],
    });
  });

  it('tells that it does not answer', async () => {
    await server.kill9();
    const { reachable } = await findingsOf();
    await server.restart();
    expect(reachable).toMatchObject({
      level: 'problem',
      value: expect.stringMatching(/^no: .*ECONNREFUSED/) as string,
      meaning: 'the worker waits for it',
    });
    expect((await findingsOf())['reachable']).toMatchObject({ level: 'ok' });
  });
});
