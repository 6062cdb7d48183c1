import { messageOf, PipelineError, type Clock, type Random } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';
import { changesFor, GUARANTEES } from '../guarantee';
import type { QueueHealth } from '../queue';
import type { QueueObserver } from '../queue-observer';
import { AppendOnlyWatch } from './append-only-watch';
import { judgeRedis, worse } from './redis-durability';
import { isForbidden } from './redis-errors';
import { readFacts } from './redis-facts';
import type { RedisLink } from './redis-link';

export interface ServerInspectionParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly observer?: QueueObserver | undefined;
  /** Whether events are refused below `disk`: decides what the log says. */
  readonly strict?: boolean | undefined;
}

/** What was learnt of a server, by which connection and when (monotonic clock). */
export interface Verdict {
  readonly session: string;
  readonly at: number;
  readonly health: QueueHealth;
}

/** A connection that is replaced again and again while it is looked at is no connection. */
const MAX_LOOKS = 3;

/**
 * Looks at every server that holds a partition: at each (re)connect, and from time to time after
 * that, since settings can change under a connection. Says in the log what an acknowledgement is
 * worth there and what to change, and notices a server that came back without its data. A partition
 * is named by its epoch key.
 */
export class ServerInspection {
  /** The last one of each server. */
  private readonly verdicts = new Map<string, Verdict>();
  /** By session, so that many callers share one look. */
  private readonly looks = new Map<string, Promise<Verdict>>();
  private readonly files = new AppendOnlyWatch();
  /** Servers whose epochs may not be kept. */
  private readonly blind = new Set<string>();
  private readonly epochs = new Map<string, string>();

  constructor(private readonly parts: ServerInspectionParts) {}

  /**
   * The worst of what is known of the servers that hold these keys; asks those whose connection is
   * new. Rejects with QUEUE_UNAVAILABLE.
   */
  async health(redis: RedisLink, epochKeys: readonly string[]): Promise<QueueHealth> {
    const found: QueueHealth[] = [];
    for (const [, [key]] of serversOf(redis, epochKeys)) {
      found.push((await this.known(redis, key)).health);
    }
    return found.reduce((worst, next) =>
      worse(next.durability, worst.durability) === worst.durability ? worst : next,
    );
  }

  /**
   * What is known of the server that holds a key, learnt by the connection of now.
   *
   * @param badForMs how long a verdict below `disk` is believed before the server is asked again, ms
   * @throws PipelineError QUEUE_UNAVAILABLE
   */
  async known(redis: RedisLink, key: string, badForMs = Infinity): Promise<Verdict> {
    const verdict = this.verdicts.get(redis.serverOf(key));
    if (verdict?.session === redis.sessionOf(key)) {
      const age = this.parts.clock.monotonic() - verdict.at;
      if (verdict.health.durability === 'disk' || age < badForMs) return verdict;
    }
    return this.look(redis, key);
  }

  /** Never rejects: a server that is lost meanwhile is inspected when it is back. */
  async inspect(redis: RedisLink, epochKeys: readonly string[]): Promise<void> {
    for (const [server, keys] of serversOf(redis, epochKeys)) {
      try {
        // First: a Redis at maxmemory refuses to write an epoch, and can still be asked.
        await this.look(redis, keys[0]);
        for (const key of keys) await this.compareEpoch(redis, server, key);
      } catch (error) {
        if (isForbidden(error)) this.warnBlind(server, error);
        this.parts.logger.debug({ err: error, redis: server }, 'could not inspect Redis');
      }
    }
  }

  /** Once a server: the user stays what it is. */
  private warnBlind(redis: string, error: unknown): void {
    if (this.blind.has(redis)) return;
    this.blind.add(redis);
    this.parts.logger.warn(
      { redis, detail: messageOf(error) },
      "Redis does not let this user keep the queue's epoch key: if it comes back without its data, " +
        'nobody will notice; allow SET, reading and writing, on the keys of the queue',
    );
  }

  private look(redis: RedisLink, key: string): Promise<Verdict> {
    const session = redis.sessionOf(key);
    const underWay = this.looks.get(session);
    if (underWay) return underWay;
    const look = this.lookUntilSure(redis, key).finally(() => this.looks.delete(session));
    this.looks.set(session, look);
    return look;
  }

  /** Again where the connection changed under the questions: the answers may be of two servers. */
  private async lookUntilSure(redis: RedisLink, key: string): Promise<Verdict> {
    for (let looks = 0; looks < MAX_LOOKS; looks++) {
      const session = redis.sessionOf(key);
      const facts = await readFacts(redis, key);
      const server = redis.serverOf(key);
      if (redis.sessionOf(key) !== session) continue;
      const health = judgeRedis(facts, this.files.see(server, facts));
      const before = this.verdicts.get(server)?.health;
      const verdict = { session, at: this.parts.clock.monotonic(), health };
      this.verdicts.set(server, verdict);
      if (textOf(before) !== textOf(health)) this.report(server, health);
      return verdict;
    }
    throw new PipelineError('QUEUE_UNAVAILABLE', `the connection to ${redis.place} keeps changing`);
  }

  private async compareEpoch(redis: RedisLink, server: string, key: string): Promise<void> {
    const fresh = this.parts.random.uuid();
    const known = await redis.call(key, 'set', [key, fresh, 'NX', 'GET']);
    const current = typeof known === 'string' ? known : fresh;
    const before = this.epochs.get(key);
    if (before !== undefined && before !== current) {
      this.parts.observer?.dataLost();
      this.parts.logger.error(
        { redis: server },
        'Redis came back without the data of this queue: what it had acknowledged may be lost',
      );
    }
    this.epochs.set(key, current);
  }

  private report(redis: string, health: QueueHealth): void {
    const { logger, strict = false } = this.parts;
    const { durability, detail, findings = [] } = health;
    const toChange = findings.filter(({ level }) => level !== 'ok');
    const fields = { redis, durability, detail, findings: toChange };
    if (durability === 'disk') {
      logger.info(fields, 'acknowledged events are on disk');
      for (const { setting, value, meaning, change } of toChange) {
        logger.warn({ redis }, `Redis has ${setting} ${value}: ${meaning}; ${change.join('; ')}`);
      }
      return;
    }
    const changes = changesFor(health);
    if (strict) {
      logger.error(fields, `events are refused (QUEUE_STRICT) until this is changed: ${changes}`);
    } else {
      logger.warn(fields, `${GUARANTEES[durability]}; to change: ${changes}`);
    }
  }
}

function textOf(health: QueueHealth | undefined): string {
  return JSON.stringify(health);
}

/** The keys by the server that holds them, as far as known. */
function serversOf(
  redis: RedisLink,
  keys: readonly string[],
): ReadonlyMap<string, [string, ...string[]]> {
  const servers = new Map<string, [string, ...string[]]>();
  for (const key of keys) {
    const server = redis.serverOf(key);
    const others = servers.get(server);
    if (others) others.push(key);
    else servers.set(server, [key]);
  }
  return servers;
}
