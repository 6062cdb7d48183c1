import { existsSync } from 'node:fs';
import { NodeProgram, type Exit } from './node-program';
import type { Scratch } from './scratch';
import { inWorkspace } from './workspace';

/** One of the built programs in a process of its own, exactly as a user runs it. */
export class Program extends NodeProgram {
  constructor(
    name: 'collector' | 'worker' | 'producer' | 'queue-cli',
    variables: Readonly<Record<string, string>>,
    args: readonly string[],
    scratch: Scratch,
    nodeArgs: readonly string[] = [],
  ) {
    const script = inWorkspace('dist/apps', name, 'main.js');
    if (!existsSync(script))
      throw new Error(`${name} is not built: run npm test, or nx build ${name}`);
    const logs = name === 'collector' || name === 'worker';
    super({ name, script, nodeArgs, args, variables, logs }, scratch);
  }
}

/** Starts a collector and waits until it takes events. */
export async function startCollector(
  variables: Readonly<Record<string, string>>,
  scratch: Scratch,
  nodeArgs: readonly string[] = [],
): Promise<{ program: Program; address: string; httpUrl: string }> {
  const ports = { COLLECTOR_PORT: '0', COLLECTOR_HTTP_PORT: '0' };
  const program = new Program('collector', { ...ports, ...variables }, [], scratch, nodeArgs);
  const { port } = await program.logged('its port', ({ msg }) => /running on port/.test(msg ?? ''));
  return { program, address: `127.0.0.1:${String(port)}`, httpUrl: await httpUrlOf(program) };
}

/** Starts a worker and waits until it works. */
export async function startWorker(
  variables: Readonly<Record<string, string>>,
  scratch: Scratch,
): Promise<{ program: Program; httpUrl: string }> {
  const program = new Program('worker', { WORKER_HTTP_PORT: '0', ...variables }, [], scratch);
  await program.logged('that it started', ({ msg }) => /^Worker started/.test(msg ?? ''));
  return { program, httpUrl: await httpUrlOf(program) };
}

/** Where a collector or worker serves /metrics and /readyz. */
export async function httpUrlOf(program: NodeProgram): Promise<string> {
  const { url } = await program.logged('its HTTP port', (line) => typeof line['url'] === 'string');
  return String(url);
}

export interface ProducerSummary {
  readonly sent: number;
  readonly acknowledged: number;
  readonly rejected: number;
  /** How often an event was sent again. */
  readonly resent: number;
  readonly acknowledgementLatency: { readonly samples: number };
}

/** Runs a producer to its end. */
export async function runProducer(
  address: string,
  args: readonly string[],
  scratch: Scratch,
): Promise<{ exit: Exit; summary: ProducerSummary; program: Program }> {
  const program = startProducer(address, args, scratch);
  const exit = await program.exited;
  return { exit, summary: JSON.parse(program.stdout) as ProducerSummary, program };
}

export function startProducer(address: string, args: readonly string[], scratch: Scratch): Program {
  return new Program('producer', {}, ['--collector', address, '--json', ...args], scratch);
}

/** The value of a metric; with its labels as they are exported, where it has some. */
export async function metricOf(httpUrl: string, name: string): Promise<number> {
  const text = await (await fetch(`${httpUrl}/metrics`)).text();
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
  return Number(line?.split(' ')[1]);
}

/** A metric, added up over its labels where the name has none; 0 where nothing was counted yet. */
export async function metricSum(httpUrl: string, name: string): Promise<number> {
  const text = await (await fetch(`${httpUrl}/metrics`)).text();
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
