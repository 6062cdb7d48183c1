/* global fetch */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { inWorkspace } from '../workspace/paths.mjs';

const LIMIT_MS = 120_000;
const INTERVAL_MS = 20;

/** A collector on a queue of its own, as it is built, on a port that it keeps when it is killed. */
export class Pipeline {
  static async start() {
    const pipeline = new Pipeline(await freePort(), await freePort());
    await pipeline.startCollector();
    return pipeline;
  }

  #folder = mkdtempSync(join(tmpdir(), 'clients-queue-'));
  #collector;
  #worker;

  constructor(port, httpPort) {
    this.address = `localhost:${port}`;
    this.httpUrl = `http://localhost:${httpPort}`;
    this.variables = {
      QUEUE_URL: `embedded:${join(this.#folder, 'queue')}`,
      COLLECTOR_PORT: String(port),
      COLLECTOR_HTTP_PORT: String(httpPort),
    };
  }

  async startCollector() {
    this.#collector = new Program('collector', this.variables);
    await this.#collector.until('it takes events', async () => {
      return (await fetch(`${this.httpUrl}/readyz`)).ok;
    });
  }

  /** Ends the collector once it has acknowledged so many events, and starts another one. */
  async replaceCollector(afterEvents, signal) {
    await this.#collector.until(`${afterEvents} events are acknowledged`, async () => {
      return (await this.metric('pipeline_events_accepted_total')) >= afterEvents;
    });
    await this.#collector.end(signal);
    await this.startCollector();
  }

  /** Events ever put into the queue, counted by the queue itself. */
  enqueued() {
    return this.metric('pipeline_events_enqueued_total');
  }

  /** The sum of a metric over its labels. */
  async metric(name) {
    const text = await (await fetch(`${this.httpUrl}/metrics`)).text();
    const lines = text.split('\n').filter((line) => /^\w+/.exec(line)?.[0] === name);
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /** Has a worker handle all events, and resolves to the ids it was given, one for each time. */
  async handledIds() {
    const record = join(this.#folder, 'record');
    this.#worker = new Program('worker', {
      ...this.variables,
      WORKER_HTTP_PORT: '0',
      WORKER_HANDLERS: inWorkspace('apps/pipeline-e2e/src/testdata/recording-handlers.cjs'),
      RECORD_FILE: record,
    });
    const all = await this.enqueued();
    await this.#worker.until('all events are handled', async () => {
      return (await this.metric('pipeline_queue_processed_total')) === all;
    });
    if (!existsSync(record)) return [];
    const lines = readFileSync(record, 'utf8').trimEnd().split('\n');
    return lines.map((line) => line.split(' ')[1]);
  }

  async stop() {
    await this.#worker?.end('SIGKILL');
    await this.#collector?.end('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A built program in a process of its own. */
class Program {
  #output = '';
  #child;
  #exited;

  constructor(name, variables) {
    this.name = name;
    this.#child = spawn(process.execPath, [inWorkspace('dist/apps', name, 'main.js')], {
      cwd: inWorkspace(),
      env: { ...withoutOurs(process.env), ...variables },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on('data', (chunk) => (this.#output = (this.#output + chunk).slice(-10_000)));
    }
    // Whatever ends this process, it leaves none behind.
    const end = () => this.#child.kill('SIGKILL');
    process.on('exit', end);
    this.#exited = new Promise((resolve) => this.#child.once('close', resolve)).then(() =>
      process.off('exit', end),
    );
  }

  async end(signal) {
    this.#child.kill(signal);
    await this.#exited;
  }

  /** Waits for a condition; an error counts as "not yet". */
  async until(what, condition) {
    const deadline = Date.now() + LIMIT_MS;
    for (;;) {
      if (await condition().catch(() => false)) return;
      const { exitCode, signalCode } = this.#child;
      const gone = exitCode !== null || signalCode !== null;
      if (gone || Date.now() > deadline) {
        const how = gone ? 'it has ended' : `${LIMIT_MS / 1_000} s are over`;
        throw new Error(`${this.name}: waited in vain until ${what}: ${how}\n${this.#output}`);
      }
      await sleep(INTERVAL_MS);
    }
  }
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A developer's own settings must not reach the programs. */
function withoutOurs(environment) {
  const ours = /^(COLLECTOR|WORKER|QUEUE|REDIS|LOG|EVENT|PROCESSING)_/;
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !ours.test(name)));
}
