import { spawn } from 'node:child_process';
import { guardOrphan } from '@event-pipeline/runtime';
import { ProgramFailure } from './pipeline-programs';
import type { ProducerSummary } from './report';

/** The summary is one JSON object with at most 100 rejections in it. */
const MAX_OUTPUT = 1_048_576;

/** The collector of the quickstart speaks none. */
const NO_TLS: NodeJS.ProcessEnv = {
  CLIENT_TLS: '',
  CLIENT_TLS_CA_FILE: '',
  CLIENT_TLS_CERT_FILE: '',
  CLIENT_TLS_KEY_FILE: '',
  CLIENT_TLS_SERVER_NAME: '',
};

export interface ProducerRun {
  /** Its main.js. */
  readonly script: string;
  readonly env: NodeJS.ProcessEnv;
  readonly collector: string;
  readonly count: number;
}

/**
 * Runs the producer, which shows its progress itself, and resolves to its summary, also where not
 * everything was acknowledged. Ends it when the signal aborts.
 *
 * @throws ProgramFailure where it gives no summary.
 */
export async function runProducer(
  { script, env, collector, count }: ProducerRun,
  signal: AbortSignal,
): Promise<ProducerSummary> {
  const args = ['--enable-source-maps', script, '--json'];
  const child = spawn(
    process.execPath,
    [...args, '--count', String(count), '--collector', collector],
    // It is told by its arguments; a COLLECTOR_ADDRESS that it cannot use is no reason to fail.
    {
      env: { ...env, ...NO_TLS, COLLECTOR_ADDRESS: undefined },
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    },
  );
  const guard = child.pid === undefined ? undefined : guardOrphan(child.pid, { signal: 'SIGTERM' });
  const stop = () => void child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    if (output.length < MAX_OUTPUT) output += chunk.toString();
  });
  const how = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, name) => resolve(name ?? `exit code ${code ?? 'unknown'}`));
  });
  signal.removeEventListener('abort', stop);
  guard?.release();
  try {
    return JSON.parse(output) as ProducerSummary;
  } catch (error) {
    const message = `The producer has ended without a summary (${how}).`;
    throw Object.assign(new ProgramFailure(message, 1), { cause: error });
  }
}
