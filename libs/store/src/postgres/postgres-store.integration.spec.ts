import { systemClock } from '@event-pipeline/runtime';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import { Client } from 'pg';
import type { EventStore } from '../event-store';
import { examineStore } from '../examine-store';
import { startPostgresServer, type PostgresServer } from '../testing/postgres-server';
import { storable, storables } from '../testing/store-under-test';
import { openPostgresAt } from './testing/postgres-store-under-test';

const DAY = 86_400_000;

let server: PostgresServer;
let url: string;
let opened: EventStore[];
let clients: Client[];
beforeAll(async () => {
  server = await startPostgresServer();
});
afterAll(() => server.stop());
beforeEach(async () => {
  url = await server.createDatabase();
  opened = [];
  clients = [];
});
afterEach(async () => {
  for (const client of clients) await client.end();
  for (const store of opened) await store.close();
});

async function open(options: Parameters<typeof openPostgresAt>[1] = {}): Promise<EventStore> {
  const store = await openPostgresAt(url, options);
  opened.push(store);
  return store;
}

/** A session of another program, which can hold a transaction open. */
async function session(): Promise<Client> {
  const client = new Client({ connectionString: url });
  clients.push(client);
  await client.connect();
  return client;
}

const run = (sql: string, ...values: unknown[]) => server.query(sql, values, { url });

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await systemClock.sleep(10);
}

async function untilStored(store: EventStore): Promise<void> {
  await until(() =>
    store.put([storable()]).then(
      ({ stored }) => stored === 1,
      () => false,
    ),
  );
}

describe('the schema on PostgreSQL', () => {
  it('is made once, however many workers start at once', async () => {
    const sinks = Array.from({ length: 8 }, () => createLogSink());
    const stores = await Promise.all(sinks.map((sink) => open({ sink })));
    const results = await Promise.all(stores.map((store) => store.put([storable()])));
    expect(results.every(({ stored }) => stored === 1)).toBe(true);
    expect(await run('select version from event_store_schema')).toEqual([{ version: 1 }]);
    const made = sinks.flatMap(({ messages }) => messages).filter((text) => /schema/.test(text));
    expect(made).toEqual(["the store's schema is at version 1 now"]);
    expect(sinks[0]!.messages.join()).toMatch(/events are stored in PostgreSQL \d+/);
  });

  it('of a newer version is refused in a clear line', async () => {
    await (await open()).close();
    await run('update event_store_schema set version = 99');
    await expect(open()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/schema version 99, .*newer version/) as string,
    });
  });

  it('needs no right to change anything where it is up to date', async () => {
    await (await open()).close();
    await run("create role worker login password 'x'");
    await run('grant select, insert, delete, update on events to worker');
    await run('grant select on event_store_schema to worker');
    const store = await openPostgresAt(url.replace('postgres@', 'worker:x@'));
    opened.push(store);
    expect(await store.put([storable()])).toMatchObject({ stored: 1 });
  });

  it('is not made over a table of another program', async () => {
    await run('create table events (mine text)');
    await expect(open()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/already exists: .*name another database/) as string,
    });
    expect(await run('select to_regclass($1)::text as name', 'event_store_schema')).toEqual([
      { name: null },
    ]);
  });

  it('is not looked for in a table of versions of another program', async () => {
    await run('create table event_store_schema (mine text)');
    await expect(open()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/"event_store_schema" that is not of this store/) as string,
    });
  });

  it('is waited for while another worker makes it, for a limited time', async () => {
    const other = await session();
    await other.query('begin');
    await other.query('select pg_advisory_xact_lock(7236834110)');
    const opening = open({ timeoutMs: 300 });
    await until(async () => {
      const rows = await run("select 1 from pg_locks where locktype = 'advisory' and not granted");
      return rows.length > 0;
    });
    await other.query('rollback');
    expect(await (await opening).put([storable()])).toMatchObject({ stored: 1 });
  });
});

describe('a PostgreSQL that cannot be used', () => {
  it('has another encoding than UTF8: it is refused at the start, and the doctor says so', async () => {
    const latin = 'latin1_store';
    await run(`create database ${latin} encoding 'LATIN1' lc_collate 'C' lc_ctype 'C'
               template template0`);
    url = url.replace(/test_\d+$/, latin);
    await expect(open()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/encoding LATIN1.*ENCODING 'UTF8'/) as string,
    });
    const config = { storeUrl: url, storeTimeoutMs: 5_000, storeConnections: 1 };
    const { findings } = await examineStore(
      { ...config, storeRetentionDays: 0, storePassword: undefined },
      systemClock,
    );
    expect(findings).toContainEqual(
      expect.objectContaining({ setting: 'encoding', value: 'LATIN1', level: 'problem' }),
    );
  });

  it.each([
    [
      'a database that is not there',
      (good: string) => good.replace(/test_\d+$/, 'nowhere'),
      /create the database/,
    ],
    [
      'a user that is not there',
      (good: string) => good.replace('postgres@', 'nobody@'),
      /check user and password/,
    ],
  ])('is named at the start: %s', async (_, change, message) => {
    await expect(openPostgresAt(change(url))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message) as string,
    });
  });

  it('is named at the start: a user without rights', async () => {
    await run('create role powerless login');
    await run('revoke create on schema public from public');
    await expect(openPostgresAt(url.replace('postgres@', 'powerless@'))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/permission denied.*its rights/) as string,
    });
  });
});

describe('a PostgreSQL that fails for a time', () => {
  it('keeps what was stored over a kill -9, and is used again once it is back', async () => {
    const store = await open({ timeoutMs: 5_000 });
    const events = storables(100);
    await store.put(events);
    const putting = Array.from({ length: 4 }, () => store.put(storables(500)).catch(String));
    await server.kill9();
    await Promise.all(putting);
    await expect(store.put([storable()])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expect(store.health()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await server.restart();
    await untilStored(store);
    expect(await store.put(events)).toMatchObject({ stored: 0, duplicates: 100 });
  });

  it('may be away at the start: the schema is made when it is back', async () => {
    await server.kill9();
    const sink = createLogSink();
    const store = await open({ sink });
    expect(sink.messages).toEqual(['the store is out of reach']);
    await server.restart();
    await untilStored(store);
    expect(sink.messages).toContain("the store's schema is at version 1 now");
  });

  it('is given up after the time limit when it does not answer, and close does not wait for it', async () => {
    const store = await open({ timeoutMs: 200 });
    const other = await open({ timeoutMs: 200 });
    await store.put([storable()]);
    server.pause();
    try {
      const answers = Array.from({ length: 12 }, () => store.put([storable()]).catch(String));
      for (const answer of await Promise.all(answers)) {
        expect(answer).toMatch(/PostgreSQL: no (answer|connection) in time/);
      }
      await other.close();
    } finally {
      server.resume();
    }
    await untilStored(store);
  });

  it('may end a session under a statement: the batch is tried by its user, and stored once', async () => {
    const store = await open();
    const [held] = storables(1);
    const blocker = await session();
    await blocker.query('begin');
    await blocker.query('lock table events in access exclusive mode');
    const putting = store.put([held!]);
    putting.catch(() => undefined);
    await until(
      async () =>
        (
          await server.query(
            `select pg_terminate_backend(pid) from pg_stat_activity
             where query like '%insert into events%' and wait_event_type = 'Lock'`,
          )
        ).length > 0,
    );
    await expect(putting).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(/57P01/) as string,
    });
    await blocker.query('rollback');
    expect(await store.put([held!])).toMatchObject({ stored: 1 });
  });

  it('says that there are too many connections, and blames no event', async () => {
    const small = await startPostgresServer({
      durable: false,
      settings: { max_connections: '5', superuser_reserved_connections: '0' },
    });
    const store = await openPostgresAt(small.url);
    try {
      const others = Array.from({ length: 4 }, () => new Client({ connectionString: small.url }));
      for (const other of others) await other.connect();
      const puts = Array.from({ length: 4 }, () => store.put([storable()]).catch(String));
      const failed = (await Promise.all(puts)).filter((result) => typeof result === 'string');
      expect(failed.length).toBeGreaterThan(0);
      for (const text of failed) expect(text).toMatch(/53300/);
      for (const other of others) await other.end();
      await untilStored(store);
    } finally {
      await store.close();
      await small.stop();
    }
  });

  it('may have become one that cannot be written, as after a failover', async () => {
    const store = await open();
    await store.put([storable()]);
    const database = url.slice(url.lastIndexOf('/') + 1);
    await run(`alter database ${database} set default_transaction_read_only = on`);
    await until(async () => {
      await run(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()',
        database,
      );
      const answer = await store.put([storable()]).catch(String);
      return typeof answer === 'string' && /25006/.test(answer);
    });
    await server.query(`alter database ${database} set default_transaction_read_only = off`);
    await untilStored(store);
  });
});

describe('the age of events on PostgreSQL', () => {
  it("is told by the database: a worker's clock far ahead deletes nothing", async () => {
    const clock = { ...systemClock, now: () => systemClock.now() + 60 * DAY };
    const store = await open({ clock });
    await store.put(storables(5, { receivedAt: systemClock.now() }));
    expect(await store.deleteOlderThan(30 * DAY, 100)).toBe(0);
  });
});

describe('a PostgreSQL that is slow', () => {
  it('is given smaller statements, since it never ends a large one in time', async () => {
    const store = await open({ timeoutMs: 400 });
    await run(`create function slow() returns trigger language plpgsql as
               $$ begin perform pg_sleep(0.02); return new; end $$`);
    await run('create trigger slow before insert on events for each row execute function slow()');
    const events = storables(100);
    expect(await store.put(events)).toMatchObject({ stored: 100 });
    expect(await store.put(storables(30))).toMatchObject({ stored: 30 });
  });
});

describe('an idle store on PostgreSQL', () => {
  it('is not well when its table is gone', async () => {
    const store = await open();
    await store.health();
    await run('drop table events');
    await expect(store.health()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    // Made anew by the next one who asks.
    expect(await store.health()).toMatchObject({ durable: true });
  });
});

describe('other users of the same tables', () => {
  it('can hold a lock for a while: the statement is tried again', async () => {
    const store = await open({ timeoutMs: 400 });
    const blocker = await session();
    await blocker.query('begin');
    await blocker.query('lock table events in access exclusive mode');
    const putting = store.put(storables(10));
    const tries = new Set<string>();
    await until(async () => {
      const rows = await server.query<{ began: Date }>(
        `select query_start as began from pg_stat_activity
         where query like '%insert into events%' and wait_event_type = 'Lock'`,
      );
      for (const { began } of rows) tries.add(began.toISOString());
      return tries.size > 1;
    });
    await blocker.query('rollback');
    expect(await putting).toMatchObject({ stored: 10 });
  });

  it('cannot hold one for ever: then the store counts as out of reach', async () => {
    const store = await open({ timeoutMs: 100 });
    const blocker = await session();
    await blocker.query('begin');
    await blocker.query('lock table events in access exclusive mode');
    await expect(store.put(storables(10))).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(/55P03/) as string,
    });
    await blocker.query('rollback');
    expect(await store.put(storables(10))).toMatchObject({ stored: 10, refused: [] });
  });

  it('may meet its writers in a deadlock: the batch is stored all the same', async () => {
    const store = await open();
    const [low, high] = storables(2).sort((a, b) => (a.id < b.id ? -1 : 1));
    const insert = `insert into events values ($1, 'a', now(), now(), now(), '{}')`;
    const other = await session();
    await other.query("set deadlock_timeout = '10s'");
    await other.query('begin');
    // In the order in which no store writes.
    await other.query(insert, [high!.id]);
    const putting = store.put([high!, low!]);
    await until(
      async () =>
        (await run("select 1 from pg_locks where locktype = 'transactionid' and not granted"))
          .length > 0,
    );
    await other.query(insert, [low!.id]).catch((error: { code?: string }) => {
      expect(error.code).toBe('40P01');
    });
    await other.query('rollback');
    expect(await putting).toMatchObject({ stored: 2, duplicates: 0, conflicts: [] });
  });

  it('may refuse rows by constraints and triggers of their own: those are named', async () => {
    const store = await open();
    await run("alter table events add check (body->'data'->>'no' is null)");
    await run(`create function refuse() returns trigger language plpgsql as
      $$ begin
        if new.type = 'bad.type' then raise exception 'not this type'; end if;
        if new.type = 'own.state' then raise exception 'nor this' using errcode = 'EV001'; end if;
        return new;
      end $$`);
    await run(
      'create trigger refuse before insert on events for each row execute function refuse()',
    );
    const events = storables(50);
    events[11] = storable({ data: '{"no":1}' });
    events[30] = storable({ type: 'bad.type' });
    events[40] = storable({ type: 'own.state' });
    const { stored, refused } = await store.put(events);
    expect(stored).toBe(47);
    expect(refused).toEqual([
      { index: 11, error: expect.stringMatching(/PostgreSQL: .*violates check/) as string },
      { index: 30, error: 'PostgreSQL: not this type' },
      { index: 40, error: 'PostgreSQL: nor this' },
    ]);
  });

  it('may drop rows by a trigger of their own without a word: those are refused, not lost', async () => {
    const store = await open();
    await run(`create function swallow() returns trigger language plpgsql as
      $$ begin if new.type = 'bad.type' then return null; end if; return new; end $$`);
    await run(
      'create trigger swallow before insert on events for each row execute function swallow()',
    );
    const events = [storable(), storable({ type: 'bad.type' }), storable()];
    const there = [storable()];
    await store.put(there);
    // Once as new rows alone, once beside a row that was there.
    expect(await store.put(events)).toMatchObject({ stored: 2, duplicates: 0 });
    const others = [storable(), storable({ type: 'bad.type' }), ...there, storable()];
    expect(await store.put(others)).toEqual({
      stored: 2,
      duplicates: 1,
      conflicts: [],
      refused: [{ index: 1, error: 'the database took the row and does not have it' }],
    });
  });

  it('may take the table away: nothing is blamed on the events', async () => {
    const store = await open();
    await run('alter table events rename to elsewhere');
    await expect(store.put(storables(5))).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(/42P01/) as string,
    });
    await run('alter table elsewhere rename to events');
    expect(await store.put(storables(5))).toMatchObject({ stored: 5 });
  });

  it('may drop the table: it is made anew, but never over one of another program', async () => {
    const store = await open();
    await run('drop table events');
    await expect(store.put([storable()])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await store.put([storable()])).toMatchObject({ stored: 1 });
    await run('drop table events');
    await run('create table events (id uuid primary key, mine text)');
    await expect(store.put([storable()])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    const strange = {
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/"events" that is not of this store \(without type/) as string,
    };
    await expect(store.put([storable()])).rejects.toMatchObject(strange);
    await expect(open()).rejects.toMatchObject(strange);
    expect(await run('select * from events')).toEqual([]);
  });

  it('may hold up a put of many statements: each answer is told, and it can be given up', async () => {
    const store = await open();
    const events = storables(100);
    await store.put(events);
    let answers = 0;
    const counted = { onAnswer: () => (answers += 1) };
    expect(await store.put(events, counted)).toMatchObject({ duplicates: 100 });
    // Two insertions, the first of them refused, and four comparisons, each with its way to a connection.
    expect(answers).toBe(12);
    const before = answers;
    const caller = new AbortController();
    const [one, other] = storables(2, { body: JSON.stringify('x'.repeat(9 * 1_048_576)) });
    const onAnswer = () => {
      answers += 1;
      if (answers === before + 2) caller.abort();
    };
    await expect(
      store.put([one!, other!], { signal: caller.signal, onAnswer }),
    ).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    // What was stored by then stays so; nothing begins after it.
    const stored = await store.contains([one!.id, other!.id]);
    expect(stored.filter(Boolean)).toHaveLength(1);
  });

  it('find as many connections as were allowed, and no more', async () => {
    const store = await open();
    await Promise.all(Array.from({ length: 40 }, () => store.put(storables(20))));
    const rows = await server.query<{ count: string }>(
      "select count(*) from pg_stat_activity where application_name = 'event-pipeline' and datname = $1",
      [url.slice(url.lastIndexOf('/') + 1)],
    );
    expect(Number(rows[0]!.count)).toBeLessThanOrEqual(4);
  });
});

describe('what PostgreSQL promises of itself', () => {
  it('is not called durable where a commit need not be on disk', async () => {
    const database = url.slice(url.lastIndexOf('/') + 1);
    await run(`alter database ${database} set synchronous_commit = off`);
    const sink = createLogSink();
    const store = await open({ sink });
    expect(await store.health()).toMatchObject({
      detail: expect.stringMatching(/synchronous_commit off/) as string,
      durable: false,
    });
    expect(sink.messages.join()).toMatch(/may lose events in a power cut/);
  });

  it('is answered by its indexes: by time, and by type with time', async () => {
    const store = await open();
    for (let day = 0; day < 5; day += 1) {
      await store.put(
        storables(1_000, { type: `type.${day}`, receivedAt: 1.7e12 + day * 86_400_000 }),
      );
    }
    await run('analyze events');
    const plan = async (where: string) =>
      JSON.stringify(await run(`explain select * from events where ${where}`));
    const day = 'occurred_at >= to_timestamp(1.7e9) and occurred_at < to_timestamp(1.7e9 + 60)';
    expect(await plan(day)).toMatch(/events_occurred_at|events_type_occurred_at/);
    expect(await plan(`type = 'type.3' and ${day}`)).toMatch(
      /events_type_occurred_at|events_occurred_at/,
    );
    expect(await plan('received_at < to_timestamp(1.69e9) order by received_at limit 5')).toMatch(
      /events_received_at/,
    );
  });
});
