import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import Database from 'libsql';
import type { Queue } from '@event-pipeline/queue';
import { createQueue } from '@event-pipeline/queue/create';
import {
  loadConfig,
  systemClock,
  systemRandom,
  type Component,
  type ListenPort,
} from '@event-pipeline/runtime';
import type { HttpServer } from '@event-pipeline/telemetry';
import { createLogSink, type LogSink } from '@event-pipeline/telemetry/testing';
import { createWorker } from './create-worker';
import { workerConfig } from './worker-config';

/** A worker as main.ts runs it, but inside the test and on a free port. */
class RunningWorker {
  readonly sink: LogSink = createLogSink('info');
  private components: readonly Component[] = [];

  async start(environment: Record<string, string>): Promise<void> {
    const config = loadConfig(workerConfig, environment);
    const httpPort: ListenPort = { port: 0, portIsDefault: true };
    this.components = await createWorker({ ...config, httpPort }, this.sink.logger);
    for (const component of this.components) await component.start();
  }

  async get(path: string): Promise<{ status: number; body: string }> {
    const http = this.components.find(({ name }) => name === 'http-server') as HttpServer;
    const response = await fetch(`http://127.0.0.1:${http.address.port}${path}`);
    return { status: response.status, body: await response.text() };
  }

  /** The metric's value, summed over its labels. */
  async metric(name: string): Promise<number> {
    const lines = (await this.get('/metrics')).body.split('\n');
    const values = lines.filter(
      (line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`),
    );
    return values.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  async stop(signal = new AbortController().signal): Promise<void> {
    for (const component of [...this.components].reverse()) await component.stop(signal);
    this.components = [];
  }
}

let folder: string;
let worker: RunningWorker;
let opened: Queue[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'worker-test-'));
  worker = new RunningWorker();
  opened = [];
});
afterEach(async () => {
  await worker.stop(AbortSignal.abort());
  for (const queue of opened) await queue.close();
  await rm(folder, { recursive: true, force: true });
});

async function openQueue(): Promise<Queue> {
  const config = loadConfig(workerConfig, { QUEUE_URL: `embedded:${folder}` });
  const { logger } = createLogSink();
  const queue = await createQueue(config, { clock: systemClock, random: systemRandom, logger });
  opened.push(queue);
  return queue;
}

function bodies(count: number): string[] {
  return Array.from({ length: count }, (_, i) =>
    JSON.stringify({
      eventId: randomUUID(),
      type: i % 2 === 0 ? 'page_view' : 'user_login',
      timestamp: systemClock.now(),
      receivedAt: systemClock.now(),
    }),
  );
}

async function put(queue: Queue, events: number | readonly string[]): Promise<void> {
  const queued = typeof events === 'number' ? bodies(events) : events;
  const batch = {
    id: randomUUID(),
    digest: '',
    answer: '',
    rememberMs: 60_000,
    bodies: queued,
  };
  expect(await queue.enqueue(0, [batch])).toEqual([{ outcome: 'queued' }]);
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await systemClock.sleep(10);
}

describe('a worker', () => {
  it('processes what is in the queue and what comes later, and shows it', async () => {
    const queue = await openQueue();
    await put(queue, 700);
    await worker.start({ QUEUE_URL: `embedded:${folder}`, WORKER_BATCH_SIZE: '250' });
    await until(async () => (await queue.stats(0)).processed === 700);
    await put(queue, 300);
    await until(async () => (await queue.stats(0)).processed === 1_000);
    await until(async () => (await worker.metric('pipeline_events_processed_total')) === 1_000);
    expect(await worker.metric('pipeline_end_to_end_seconds_count')).toBe(1_000);
    expect(await worker.metric('pipeline_lease_events_sum')).toBe(1_000);
    expect(await worker.metric('pipeline_queue_processed_total')).toBe(1_000);
    expect(await worker.metric('pipeline_queue_events')).toBe(0);
    expect(await worker.get('/readyz')).toMatchObject({ status: 200 });
    expect(await worker.get('/livez')).toMatchObject({ status: 200 });
    await worker.stop();

    const { messages, lines } = worker.sink;
    expect(messages).toContain(
      'Worker started. Waiting for events from the queue "event_queue" ...',
    );
    const leases = lines.filter(({ msg }) => msg === 'processed a lease');
    expect(leases.reduce((sum, { events }) => sum + Number(events), 0)).toBe(1_000);
    expect(Math.max(...leases.map(({ events }) => Number(events)))).toBeLessThanOrEqual(250);
    expect(lines.find(({ byType }) => byType !== undefined)).toMatchObject({
      byType: { page_view: 500, user_login: 500 },
    });
  });

  it('gives back what it has not handled when it stops, and another takes it', async () => {
    const queue = await openQueue();
    await put(queue, 50);
    const slow = {
      QUEUE_URL: `embedded:${folder}`,
      PROCESSING_TIME_MS: '20',
      WORKER_CONCURRENCY: '1',
    };
    await worker.start(slow);
    await until(async () => (await queue.stats(0)).leased === 50);
    await worker.stop();
    const { processed, pending, leased, retried } = await queue.stats(0);
    expect(processed + pending).toBe(50);
    expect(processed).toBeLessThan(50);
    expect({ leased, retried }).toEqual({ leased: 0, retried: 0 });
    await worker.start({ ...slow, PROCESSING_TIME_MS: '0' });
    await until(async () => (await queue.stats(0)).processed === 50);
  });

  it('is alive and not ready while its queue is out of reach, and stops cleanly', async () => {
    // Port 1 is reserved: nothing listens there.
    await worker.start({ REDIS_HOST: '127.0.0.1', REDIS_PORT: '1' });
    expect(await worker.get('/livez')).toEqual({ status: 200, body: 'ok\n' });
    const { status, body } = await worker.get('/readyz');
    expect(status).toBe(503);
    expect(JSON.parse(body)).toEqual({ ready: false, reason: expect.stringMatching(/\w/) });
    expect(await worker.metric('pipeline_queue_sampled')).toBe(0);
    await worker.stop();
    expect(worker.sink.messages).toContain('the queue does not answer; trying again until it does');
  });

  it('stores every event that it settles as done, once, and shows it', async () => {
    const queue = await openQueue();
    const path = join(folder, 'store');
    await put(queue, 500);
    const environment = { QUEUE_URL: `embedded:${folder}`, STORE_URL: `embedded:${path}` };
    await worker.start(environment);
    await until(async () => (await queue.stats(0)).processed === 500);
    expect(await worker.get('/readyz')).toMatchObject({ status: 200 });
    expect(await worker.metric('pipeline_events_stored_total')).toBe(500);
    expect(await worker.metric('pipeline_store_conflicts_total')).toBe(0);
    const again = bodies(1);
    await put(queue, [...again, ...again]);
    const [received] = again;
    const changed = received!.replace('page_view', 'page_left');
    const later = received!.replace(/"receivedAt":\d+/, '"receivedAt":1');
    await put(queue, [later, changed]);
    await until(async () => (await queue.stats(0)).processed === 504);
    await until(async () => (await worker.metric('pipeline_events_processed_total')) === 504);
    expect(await worker.metric('pipeline_events_stored_total')).toBe(501);
    expect(await worker.metric('pipeline_events_stored_before_total')).toBe(2);
    expect(await worker.metric('pipeline_store_conflicts_total')).toBe(1);
    await worker.stop();
  });

  it('makes a dead letter of an event that the store refuses, and stores its neighbours', async () => {
    const queue = await openQueue();
    const events = bodies(10);
    events[3] = events[3]!.replace(/"eventId":"[^"]*"/, '"eventId":"of another program"');
    await put(queue, events);
    const store = `embedded:${join(folder, 'store')}`;
    await worker.start({ QUEUE_URL: `embedded:${folder}`, STORE_URL: store });
    await until(async () => (await queue.stats(0)).processed === 9);
    expect((await queue.stats(0)).dead).toBe(1);
    await until(async () => (await worker.metric('pipeline_events_stored_total')) === 9);
    await worker.stop();
  });

  it('deletes stored events past their age', async () => {
    const queue = await openQueue();
    const old = bodies(20).map((body) =>
      body.replace(/"receivedAt":\d+/, '"receivedAt":1000000000000'),
    );
    await put(queue, [...old, ...bodies(5)]);
    const store = join(folder, 'store');
    const environment = { QUEUE_URL: `embedded:${folder}`, STORE_URL: `embedded:${store}` };
    await worker.start(environment);
    await until(async () => (await queue.stats(0)).processed === 25);
    await worker.stop();
    // What was stored lately is spared, however old it says it is.
    const database = new Database(join(store, 'events.db'));
    database.exec('update events set stored_at = received_at');
    database.close();
    await worker.start({ ...environment, STORE_RETENTION_DAYS: '365' });
    await until(async () => (await worker.metric('pipeline_store_expired_total')) === 20);
    await worker.stop();
    expect(worker.sink.messages).toContain('deleted events older than 365 days');
  });

  it('is alive and says what is wrong while its store is out of reach, and stops cleanly', async () => {
    await worker.start({
      QUEUE_URL: `embedded:${folder}`,
      STORE_URL: 'postgres://user:secret@127.0.0.1:1/events',
    });
    expect(await worker.get('/livez')).toEqual({ status: 200, body: 'ok\n' });
    const { status, body } = await worker.get('/readyz');
    expect(status).toBe(503);
    expect(JSON.parse(body)).toEqual({
      ready: false,
      reason: expect.stringMatching(/^PostgreSQL: /) as string,
    });
    await worker.stop();
    expect(worker.sink.text).not.toContain('secret');
  });

  it('does not start with a store that cannot be used', async () => {
    const starting = worker.start({
      QUEUE_URL: `embedded:${folder}`,
      STORE_URL: 'embedded:/dev/null/store',
    });
    await expect(starting).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/cannot hold a store/) as string,
    });
  });

  it('does not start with handlers that are not there', async () => {
    const starting = worker.start({
      QUEUE_URL: `embedded:${folder}`,
      WORKER_HANDLERS: './not-there.js',
    });
    await expect(starting).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/^WORKER_HANDLERS: .* there is no such file$/),
    });
  });
});
