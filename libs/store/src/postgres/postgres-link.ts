import { readFileSync } from 'node:fs';
import { PipelineError, messageOf, type Clock } from '@event-pipeline/runtime';
import { Pool, type PoolClient, type PoolConfig, type QueryResult, type QueryResultRow } from 'pg';
import { givenUp, type PutWatch } from '../put-watch';
import { settledWithin } from '../settled-within';
import type { PostgresLocation, PostgresTls } from '../store-location';
import { leavesConnectionUsable } from './postgres-errors';

/** How much longer than the server's own limit an answer is waited for: it may get lost. */
const ANSWER_MARGIN_MS = 1_000;
/** Before the first probe on a silent connection. */
const KEEP_ALIVE_MS = 10_000;
const CLOSE_LIMIT_MS = 2_000;

export interface PostgresLinkOptions {
  readonly location: PostgresLocation;
  /** Most connections. */
  readonly connections: number;
  /** Of one statement, and of the way to a connection. */
  readonly timeoutMs: number;
}

/** A session, for what needs more than one statement. */
export interface Session {
  query<R extends QueryResultRow>(
    sql: string,
    values?: readonly unknown[],
    timeoutMs?: number,
  ): Promise<QueryResult<R>>;
}

/**
 * Connections to one PostgreSQL, bounded in number and in time: the server ends a statement after
 * its limit, and an answer that does not come a second later either costs the connection. Statements
 * have no names, so a pooler in between may give each to another session.
 */
export class PostgresLink {
  private readonly pool: Pool;
  private closing: Promise<void> | undefined;

  /** @throws PipelineError CONFIG_INVALID for a root certificate that cannot be read */
  constructor(
    private readonly options: PostgresLinkOptions,
    private readonly clock: Clock,
  ) {
    this.pool = new Pool(poolConfig(options));
    // An idle connection that breaks is replaced when one is needed; the need is what reports it.
    this.pool.on('error', () => undefined);
    // For the whole life of a connection. The pool's own listener is away while a connection is in
    // use, from within the reading of the server's greeting: if the server's farewell came in the same
    // packet, nobody would listen, and the process would end. A statement's own rejection says the same.
    this.pool.on('connect', (client) => client.on('error', () => undefined));
  }

  /**
   * One statement, in a transaction of its own.
   *
   * @param watch a connection and an answer of the server, whatever it says, are signs of life
   */
  query<R extends QueryResultRow>(
    sql: string,
    values: readonly unknown[] = [],
    watch: PutWatch = {},
  ): Promise<QueryResult<R>> {
    return this.withSession(async (session) => {
      try {
        const result = await session.query<R>(sql, values);
        watch.onAnswer?.();
        return result;
      } catch (error) {
        if (leavesConnectionUsable(error)) watch.onAnswer?.();
        throw error;
      }
    }, watch);
  }

  /** Several statements on one connection. It is dropped where it may not be in order afterwards. */
  async withSession<T>(use: (session: Session) => Promise<T>, watch: PutWatch = {}): Promise<T> {
    const client = await this.pool.connect();
    if (watch.signal?.aborted) {
      client.release();
      throw givenUp(watch.signal);
    }
    watch.onAnswer?.();
    let usable = false;
    try {
      const result = await use(this.sessionOn(client));
      usable = true;
      return result;
    } catch (error) {
      usable = leavesConnectionUsable(error);
      throw error;
    } finally {
      client.release(!usable);
    }
  }

  /** Ends all connections; one that does not end in time is left to the system. Safe to call twice. */
  close(): Promise<void> {
    this.closing ??= settledWithin(this.clock, CLOSE_LIMIT_MS, this.pool.end());
    return this.closing;
  }

  private sessionOn(client: PoolClient): Session {
    return {
      query: (sql, values = [], timeoutMs = this.options.timeoutMs) => {
        const statement = {
          text: sql,
          values: [...values],
          query_timeout: timeoutMs + ANSWER_MARGIN_MS,
        };
        return client.query(statement);
      },
    };
  }
}

function poolConfig({ location, connections, timeoutMs }: PostgresLinkOptions): PoolConfig {
  const { host, port, user, password, database, tls } = location;
  return {
    host,
    port,
    user,
    ...(password !== undefined && { password }),
    database,
    ssl: tlsOptions(tls),
    application_name: 'event-pipeline',
    max: connections,
    connectionTimeoutMillis: timeoutMs,
    statement_timeout: timeoutMs,
    // Sooner than the statement's own: then it says what it waited for, and is tried again.
    lock_timeout: Math.max(1, Math.floor(timeoutMs / 2)),
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
  };
}

function tlsOptions(tls: PostgresTls): PoolConfig['ssl'] {
  if (tls.mode !== 'verified') return tls.mode === 'off' ? false : { rejectUnauthorized: false };
  if (tls.rootCertificateFile === undefined) return { rejectUnauthorized: true };
  try {
    return { rejectUnauthorized: true, ca: readFileSync(tls.rootCertificateFile, 'utf8') };
  } catch (error) {
    throw new PipelineError(
      'CONFIG_INVALID',
      `the sslrootcert of STORE_URL cannot be read (${messageOf(error)})`,
      { cause: error },
    );
  }
}
