import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { guardOrphan } from '@event-pipeline/runtime';
import type { Scratch } from '@event-pipeline/runtime/testing';
import { pin } from '../placement';
import { RefusedRun } from '../scenario';

export interface H2loadOptions {
  readonly address: string;
  /** `/event.EventService/StreamEvents` */
  readonly path: string;
  /** The same of every request. */
  readonly body: Buffer;
  readonly requests: number;
  readonly connections: number;
  readonly streamsPerConnection: number;
}

export interface H2loadResult {
  readonly requests: number;
  readonly seconds: number;
}

const UNIT_SECONDS: Readonly<Record<string, number>> = {
  us: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3_600,
};

/**
 * Runs h2load to its end. It knows nothing of gRPC: a call that failed counts as done, so whoever calls
 * this must ask the server what became of the calls.
 */
export async function runH2load(options: H2loadOptions, scratch: Scratch): Promise<H2loadResult> {
  const file = join(await scratch.folder(), 'body');
  await writeFile(file, options.body);
  const { requests, connections, streamsPerConnection } = options;
  const child = spawn(
    'h2load',
    [
      ...['-n', String(requests), '-c', String(Math.min(connections, requests))],
      ...['-m', String(streamsPerConnection), '-t', '1', '-d', file],
      ...['-H', 'content-type: application/grpc', '-H', 'te: trailers'],
      `http://${options.address}${options.path}`,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  const pid = child.pid ?? -1;
  const guard = guardOrphan(pid, { signal: 'SIGKILL' });
  const forget = scratch.afterwards(() => child.kill('SIGKILL'));
  pin(pid, 'load');
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  guard.release();
  forget();
  if (code !== 0) throw new RefusedRun(`h2load ended with ${code}: ${output.slice(-500)}`);
  return readH2load(output, requests);
}

/** @throws RefusedRun where any request did not succeed */
export function readH2load(output: string, requests: number): H2loadResult {
  const [, amount, unit] = /finished in ([\d.]+)(us|ms|s|m|h),/.exec(output) ?? [];
  const counts = /requests: (.*)/.exec(output)?.[1] ?? '';
  const count = (what: string) => Number(new RegExp(`(\\d+) ${what}`).exec(counts)?.[1] ?? NaN);
  const ok = Number(/status codes: (\d+) 2xx/.exec(output)?.[1] ?? NaN);
  const bad = count('failed') + count('errored') + count('timeout');
  if (count('succeeded') !== requests || ok !== requests || bad !== 0) {
    throw new RefusedRun(`h2load: of ${requests} requests: ${counts}; ${ok} with status 2xx`);
  }
  const seconds = Number(amount) * (UNIT_SECONDS[unit ?? ''] ?? NaN);
  if (!(seconds > 0)) throw new RefusedRun('h2load did not say how long it took');
  return { requests, seconds };
}
