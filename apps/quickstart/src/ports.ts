import { createServer } from 'node:net';
import { type ListenPort, PipelineError } from '@event-pipeline/runtime';
import type { QuickstartConfig } from './quickstart-config';

/** Where the programs listen: chosen before they start, so that nobody has to read it from a log. */
export interface Ports {
  readonly grpc: number;
  readonly collectorHttp: number;
  readonly workerHttp: number;
}

/**
 * Free ports. Clients know the gRPC port by heart, so that one has to be free; a default HTTP port
 * that is taken is replaced by a free one.
 *
 * @throws PipelineError CONFIG_INVALID in one line that says which variable chooses another.
 */
export async function choosePorts(config: QuickstartConfig): Promise<Ports> {
  const { collectorHost: host, collectorPort, collectorHttpPort, workerHttpPort } = config;
  const grpc = await choose(host, { ...collectorPort, portIsDefault: false }, 'COLLECTOR_PORT');
  const collectorHttp = await choose(host, collectorHttpPort, 'COLLECTOR_HTTP_PORT');
  const workerHttp = await choose(host, workerHttpPort, 'WORKER_HTTP_PORT', [collectorHttp]);
  return { grpc, collectorHttp, workerHttp };
}

async function choose(
  host: string,
  wanted: ListenPort,
  variable: string,
  given: readonly number[] = [],
): Promise<number> {
  try {
    const port = await tryPort(host, wanted.port);
    return given.includes(port) ? await tryPort(host, 0) : port;
  } catch (error) {
    const code = String((error as { code?: unknown }).code);
    if (code === 'EADDRINUSE' && wanted.portIsDefault) return tryPort(host, 0);
    const problem =
      code === 'EADDRINUSE'
        ? `Port ${wanted.port} is in use by another program, maybe another npm start.`
        : `Port ${wanted.port} on ${host} cannot be used (${code}).`;
    const other = wanted.port < 65_535 ? wanted.port + 1 : 50_051;
    const advice = `Stop that, or choose another: ${variable}=${other} npm start`;
    throw new PipelineError('CONFIG_INVALID', `${problem} ${advice}`, { cause: error });
  }
}

/** The port itself where it is free, any free one for 0. */
function tryPort(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen({ host, port }, () => {
      const address = probe.address();
      const bound = typeof address === 'object' && address !== null ? address.port : port;
      probe.close(() => resolve(bound));
    });
  });
}
