import { randomUUID } from 'node:crypto';
import type { Metadata } from '@grpc/grpc-js';
import { decodeStoredEvent } from '@event-pipeline/contracts';
import type { RedisServer } from '@event-pipeline/queue/testing';
import type { LogSink } from '@event-pipeline/telemetry/testing';
import { RawClient } from './raw-client';
import { startCollector, type StartedCollector } from './start-collector';

/** A collector with a queue of its own on a real Redis, a client, and looks at all of them. */
export class CollectorOnRedis {
  private constructor(
    private readonly redis: RedisServer,
    private readonly collector: StartedCollector,
    readonly queueName: string,
    readonly client: RawClient,
  ) {}

  static async start(
    redis: RedisServer,
    variables: Record<string, string> = {},
  ): Promise<CollectorOnRedis> {
    const queueName = `q_${randomUUID()}`;
    const collector = await startCollector({
      QUEUE_URL: redis.url,
      QUEUE_NAME: queueName,
      COLLECTOR_QUEUE_PATIENCE_MS: '1000',
      REDIS_COMMAND_TIMEOUT_MS: '500',
      ...variables,
    });
    return new CollectorOnRedis(redis, collector, queueName, new RawClient(collector.address));
  }

  /** Another connection. */
  newClient(metadata?: Metadata): RawClient {
    return new RawClient(this.collector.address, undefined, metadata);
  }

  get address(): string {
    return this.collector.address;
  }

  /** What it has logged, down to debug. */
  get logs(): LogSink {
    return this.collector.logs;
  }

  /** As SIGTERM does; safe to call twice. */
  async stop(): Promise<void> {
    this.client.close();
    await this.collector.stop();
  }

  /** Stops the collector only: its clients see what it says. */
  drain(): Promise<void> {
    return this.collector.stop();
  }

  async backlog(): Promise<number> {
    return Number(await this.redis.command('llen', this.queueName));
  }

  /** The ids of the queued events, oldest first. */
  async queuedIds(): Promise<string[]> {
    const bodies = (await this.redis.command('lrange', this.queueName, 0, -1)) as string[];
    return bodies.reverse().map((body) => decodeStoredEvent(body).eventId);
  }

  /** The queued texts, oldest first. */
  async queuedTexts(): Promise<string[]> {
    return ((await this.redis.command('lrange', this.queueName, 0, -1)) as string[]).reverse();
  }

  async metricsText(): Promise<string> {
    return (await fetch(`${this.collector.httpUrl}/metrics`)).text();
  }

  /** What /readyz says. */
  async readiness(): Promise<Record<string, unknown>> {
    const page = await fetch(`${this.collector.httpUrl}/readyz`);
    return (await page.json()) as Record<string, unknown>;
  }

  /** The value of a metric by its name, with its labels where it has some. */
  async metric(name: string): Promise<number> {
    const text = await this.metricsText();
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
    return Number(line?.split(' ')[1] ?? 0);
  }
}

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await condition()); tries++) {
    if (tries === 400) throw new Error('the condition did not come true');
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
