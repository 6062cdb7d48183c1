import { freePort, type RedisServer } from '@event-pipeline/queue/testing';
import type { QueueStats } from '@event-pipeline/queue';
import type { PostgresServer } from '@event-pipeline/store/testing';
import { Deliveries } from './deliveries';
import { eventEnd, type EventEnd, type StoreKind } from './event-end';
import { findViolations, type Evidence, type Expected, type Violation } from './invariants';
import type { Load } from './load/load';
import { startCollector, startWorker } from './program';
import { embeddedEngine, redisEngine, type QueueEngine, type RedisEngine } from './queue-engine';
import type { Scratch } from './scratch';
import { Service } from './service';
import { TcpProxy } from './tcp-proxy';

export interface PipelineOptions {
  /** Or a queue of the test's own. */
  readonly engine: 'redis' | 'embedded' | QueueEngine;
  /** Where processed events are kept. Default: 'none', they end with their handlers. */
  readonly store?: StoreKind;
  /** A running server, to use a new database of it. Default: one of the pipeline's own. */
  readonly postgres?: PostgresServer;
  /** Of the embedded store. Default: one of its own. */
  readonly storeFolder?: string;
  /** Default: 2. */
  readonly workers?: number;
  /** How long handlers take for a batch, ms. Default: 60. */
  readonly handlerMs?: number;
  /** Puts a proxy into every link: producers, collector and workers to the queue. */
  readonly proxied?: boolean;
  /** Starts programs again that end by themselves. */
  readonly supervised?: boolean;
  /** For collector and workers, over the short times of the tests. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** Short, so that a test sees a lease run out and a batch given back many times. */
const SHORT_TIMES = { WORKER_LEASE_MS: '1000', WORKER_BATCH_SIZE: '50' };

/** The links of a pipeline that a test can break. */
export interface Links {
  readonly toCollector: TcpProxy;
  /** On Redis only. */
  readonly collectorToQueue?: TcpProxy;
  /** On Redis only. */
  readonly workersToQueue?: TcpProxy;
  /** With PostgreSQL only. */
  readonly workersToStore?: TcpProxy;
}

/**
 * A whole pipeline of real processes on real servers: a collector, workers, a queue and the place
 * where events end. Each part can be killed, stopped and started again, always at the same address.
 */
export class Pipeline {
  private constructor(
    readonly collector: Service,
    readonly workers: readonly Service[],
    readonly queue: QueueEngine,
    readonly end: EventEnd,
    readonly deliveries: Deliveries,
    /** Where producers connect. */
    readonly address: string,
    private readonly servers: { readonly redis?: RedisServer },
    private readonly proxies: Links | undefined,
  ) {}

  /** Resolves when collector and workers run. */
  static async start(options: PipelineOptions, scratch: Scratch): Promise<Pipeline> {
    const { store = 'none', workers = 2, handlerMs = 60, supervised = false } = options;
    const deliveries = await Deliveries.create(handlerMs, scratch);
    const { postgres, storeFolder } = options;
    const end = await eventEnd(store, deliveries, scratch, { postgres, storeFolder });
    const queue = await queueOf(options.engine, scratch);
    const redis = 'redis' in queue ? queue : undefined;
    const port = await freePort();
    const direct = `127.0.0.1:${port}`;
    const links =
      options.proxied === true
        ? await proxiesFor(
            { collector: direct, redis: redis?.redis, postgres: end.postgres },
            scratch,
          )
        : undefined;

    const variables = { ...queue.variables, ...SHORT_TIMES, ...options.variables };
    const through = (proxy: TcpProxy | undefined) =>
      proxy === undefined ? {} : { QUEUE_URL: `redis://${proxy.address}` };
    const forCollector = { ...variables, ...through(links?.collectorToQueue) };
    const forWorkers = {
      ...variables,
      ...through(links?.workersToQueue),
      ...deliveries.variables,
      STORE_URL: storeUrlFor(end, links),
    };
    const collector = new Service(
      'collector',
      async () =>
        (await startCollector({ ...forCollector, COLLECTOR_PORT: String(port) }, scratch)).program,
      supervised,
    );
    const workerServices = Array.from(
      { length: workers },
      (_, i) =>
        new Service(
          `worker ${i}`,
          async () => (await startWorker(forWorkers, scratch)).program,
          supervised,
        ),
    );
    await Promise.all([collector, ...workerServices].map((service) => service.start()));
    return new Pipeline(
      collector,
      workerServices,
      queue,
      end,
      deliveries,
      links?.toCollector.address ?? direct,
      { ...(redis && { redis: redis.redis }) },
      links,
    );
  }

  get redis(): RedisServer {
    if (this.servers.redis === undefined) throw new Error('this pipeline has no Redis');
    return this.servers.redis;
  }

  get postgres(): PostgresServer {
    if (this.end.postgres === undefined) throw new Error('this pipeline has no PostgreSQL');
    return this.end.postgres;
  }

  get links(): Links {
    if (this.proxies === undefined) throw new Error('this pipeline was started without proxies');
    return this.proxies;
  }

  get services(): readonly Service[] {
    return [this.collector, ...this.workers];
  }

  /** Programs that ended though nobody told them to, and what they said. */
  get surprises(): readonly string[] {
    return this.services.flatMap(({ surprises }) => surprises);
  }

  /** Everything that is known when the load has settled and the backlog is gone. */
  async evidence(load: Load): Promise<Evidence> {
    return {
      sent: load.ledger.entries(),
      breaches: load.ledger.breaches,
      stored: await this.end.found(),
      dead: await this.queue.deadIds(),
      stats: await this.queue.stats(),
    };
  }

  /**
   * Lets the load settle, waits until the backlog is gone by itself, and answers which promise does
   * not hold. `queuedOnce` is for loads that send by batch ids only.
   */
  async violations(
    load: Load,
    expected: Pick<Expected, 'queuedOnce' | 'noneDead'>,
  ): Promise<readonly Violation[]> {
    await load.settle();
    await this.queue.untilEmpty();
    const { storedOnce } = this.end;
    return findViolations(await this.evidence(load), { storedOnce, ...expected });
  }

  /** The queue's counters, for as long as it takes the queue to answer. */
  stats(): Promise<QueueStats> {
    return this.queue.stats();
  }
}

function queueOf(
  engine: PipelineOptions['engine'],
  scratch: Scratch,
): Promise<QueueEngine | RedisEngine> {
  if (engine === 'redis') return redisEngine(scratch);
  return engine === 'embedded' ? embeddedEngine(scratch) : Promise.resolve(engine);
}

async function proxiesFor(
  servers: {
    readonly collector: string;
    readonly redis: RedisServer | undefined;
    readonly postgres: PostgresServer | undefined;
  },
  scratch: Scratch,
): Promise<Links> {
  const { collector, redis, postgres } = servers;
  const before = (server: { readonly host: string; readonly port: number }) =>
    TcpProxy.start(`${server.host}:${server.port}`, scratch);
  return {
    toCollector: await TcpProxy.start(collector, scratch),
    ...(redis && {
      collectorToQueue: await before(redis),
      workersToQueue: await before(redis),
    }),
    ...(postgres && { workersToStore: await before(postgres) }),
  };
}

function storeUrlFor({ storeUrl, postgres }: EventEnd, links: Links | undefined): string {
  const proxy = links?.workersToStore;
  if (proxy === undefined || postgres === undefined) return storeUrl;
  return storeUrl.replace(`${postgres.host}:${postgres.port}`, proxy.address);
}
