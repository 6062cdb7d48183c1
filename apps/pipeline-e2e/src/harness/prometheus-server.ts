import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '@event-pipeline/queue/testing';
import { guardOrphan } from '@event-pipeline/runtime';
import { prometheusProgram } from './promtool';
import type { Scratch } from './scratch';
import { until } from './until';
import { inWorkspace } from './workspace';

/** The addresses (host:port) of the HTTP ports to scrape. */
export type Targets = Readonly<Record<'collector' | 'worker', readonly string[]>>;

/** One series of an answer. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  /** Time in seconds, and value. */
  readonly points: readonly (readonly [number, number])[];
}

export interface AlertState {
  readonly name: string;
  readonly query: string;
  /** `ok`, or `err` where it could not be evaluated. */
  readonly health: string;
}

const SCRAPE_SECONDS = 0.5;

/** A real Prometheus of a test's own, with the rules of this repository, on loopback. */
export class PrometheusServer {
  private constructor(readonly url: string) {}

  /** Resolves when it answers. It scrapes twice a second and ends with the test, or with this process. */
  static async start(targets: Targets, scratch: Scratch): Promise<PrometheusServer> {
    const folder = await scratch.folder();
    const port = await freePort();
    const configuration = join(folder, 'prometheus.json');
    await writeFile(configuration, configurationFor(targets));
    const child = spawn(
      prometheusProgram('prometheus'),
      [
        `--config.file=${configuration}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=warn',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4_096)));
    child.on('error', (error) => (said += error.message));
    const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
    const guard =
      child.pid === undefined ? undefined : guardOrphan(child.pid, { signal: 'SIGKILL' });
    scratch.afterwards(async () => {
      child.kill('SIGKILL');
      await exited;
      guard?.release();
    });
    const server = new PrometheusServer(`http://127.0.0.1:${port}`);
    await until(
      'Prometheus is ready',
      async () => (await fetch(`${server.url}/-/ready`)).ok,
      30_000,
    ).catch((cause: unknown) => {
      throw new Error(`Prometheus did not start (npm test sees to it): ${said}`, { cause });
    });
    return server;
  }

  /** The values of an expression over a time, Unix seconds. */
  async range(expression: string, start: number, end: number): Promise<readonly Series[]> {
    const query = { query: expression, start: String(start), end: String(end), step: '0.5' };
    const { result } = (await this.ask('query_range', query)) as {
      result: { metric: Record<string, string>; values: [number, string][] }[];
    };
    return result.map(({ metric, values }) => ({
      labels: metric,
      points: values.map(([at, value]) => [at, Number(value)] as const),
    }));
  }

  /** The value of an expression now, added up over its series; undefined where it has none. */
  async now(expression: string): Promise<number | undefined> {
    const { result } = (await this.ask('query', { query: expression })) as {
      result: { value: [number, string] }[];
    };
    if (result.length === 0) return undefined;
    return result.reduce((sum, { value: [, value] }) => sum + Number(value), 0);
  }

  async rules(): Promise<readonly AlertState[]> {
    const { groups } = (await this.ask('rules', {})) as { groups: { rules: AlertState[] }[] };
    return groups.flatMap(({ rules }) => rules);
  }

  private async ask(what: string, parameters: Record<string, string>): Promise<unknown> {
    const response = await fetch(
      `${this.url}/api/v1/${what}?${String(new URLSearchParams(parameters))}`,
    );
    const answer = (await response.json()) as { status: string; data: unknown; error?: string };
    if (answer.status !== 'success') {
      throw new Error(`Prometheus refuses ${JSON.stringify(parameters)}: ${answer.error}`);
    }
    return answer.data;
  }
}

/** JSON is YAML. */
function configurationFor(targets: Targets): string {
  const interval = `${SCRAPE_SECONDS * 1_000}ms`;
  return JSON.stringify({
    global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
    rule_files: [inWorkspace('deploy/prometheus/rules/*.yml')],
    scrape_configs: Object.entries(targets).map(([job, addresses]) => ({
      job_name: job,
      static_configs: [{ targets: addresses }],
    })),
  });
}
