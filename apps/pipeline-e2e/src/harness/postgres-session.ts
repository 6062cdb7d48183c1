import { Client } from 'pg';
import type { PostgresServer } from '@event-pipeline/store/testing';
import type { EventEnd } from './event-end';
import type { Scratch } from './scratch';
import { until } from './until';

/** A session of a test's own on the workers' database, for what stands in their way. */
export class PostgresSession {
  private constructor(private readonly client: Client) {}

  static async open({ storeUrl }: EventEnd, scratch: Scratch): Promise<PostgresSession> {
    const client = new Client(storeUrl);
    // A server that is stopped ends it; whoever asks next hears of it.
    client.on('error', () => undefined);
    await client.connect();
    scratch.afterwards(() => client.end().catch(() => undefined));
    return new PostgresSession(client);
  }

  async run(sql: string, values: readonly unknown[] = []): Promise<void> {
    await this.client.query(sql, [...values]);
  }

  /** Ends the workers' sessions as an administrator does (57P01); answers how many. */
  async terminateWorkers(): Promise<number> {
    const { rowCount } = await this.client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = 'event-pipeline'`,
    );
    return rowCount ?? 0;
  }

  async end(): Promise<void> {
    await this.client.end();
  }
}

/** Resolves when a worker waits for a lock in the middle of a statement. */
export async function untilWorkersWait(postgres: PostgresServer): Promise<void> {
  const waiting = `select pid from pg_stat_activity
    where application_name = 'event-pipeline' and wait_event_type = 'Lock'`;
  await until('a worker waits for a lock', async () => (await postgres.query(waiting)).length > 0);
}

/** What a statement gives on the workers' database. */
export async function onStore<R>({ postgres, storeUrl }: EventEnd, sql: string): Promise<R[]> {
  if (postgres === undefined) throw new Error('this pipeline has no PostgreSQL');
  return postgres.query<R>(sql, [], { url: storeUrl });
}

/** How many events are stored. */
export async function countStored(end: EventEnd): Promise<number> {
  const [row] = await onStore<{ count: number }>(end, 'select count(*)::int as count from events');
  return row?.count ?? 0;
}
