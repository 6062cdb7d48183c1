import { createServer } from 'node:net';
import { type ListenPort, PipelineError } from '@event-pipeline/runtime';
import type { QuickstartConfig } from './quickstart-config';

/** Where the programs listen: chosen before they start, so that nobody has to read it from a log. */
export interface Addresses {
  readonly grpc: Address;
  readonly collectorHttp: Address;
  readonly workerHttp: Address;
}

/** Where a program on this machine listens and is reached. */
export class Address {
  constructor(
    readonly host: string,
    readonly port: number,
  ) {}

  /** As a client on this machine reaches it: a host that means "all of them" is no destination. */
  toString(): string {
    const host = { '0.0.0.0': '127.0.0.1', '::': '::1' }[this.host] ?? this.host;
    return `${host.includes(':') ? `[${host}]` : host}:${this.port}`;
  }
}

/**
 * Free ports. Clients know the gRPC port by heart, so that one has to be free; a default HTTP port
 * that is taken is replaced by a free one.
 *
 * @throws PipelineError CONFIG_INVALID in one line that says which variable chooses another.
 */
export async function chooseAddresses(config: QuickstartConfig): Promise<Addresses> {
  const { collectorHost, collectorHttpHost, workerHttpHost } = config;
  const grpcPort = { ...config.collectorPort, portIsDefault: false };
  return {
    grpc: await choose('COLLECTOR', collectorHost, grpcPort),
    collectorHttp: await choose('COLLECTOR_HTTP', collectorHttpHost, config.collectorHttpPort),
    workerHttp: await choose('WORKER_HTTP', workerHttpHost, config.workerHttpPort),
  };
}

/** `variables` is what the names of the variables begin with. */
async function choose(variables: string, host: string, wanted: ListenPort): Promise<Address> {
  try {
    return new Address(host, await tryPort(host, wanted.port));
  } catch (error) {
    const code = String((error as { code?: unknown }).code);
    if (code === 'EADDRINUSE' && wanted.portIsDefault) {
      return new Address(host, await tryPort(host, 0));
    }
    const problem = problemInWords(code, variables, host, wanted.port);
    throw new PipelineError('CONFIG_INVALID', problem, { cause: error });
  }
}

function problemInWords(code: string, variables: string, host: string, port: number): string {
  const other = `choose another: ${variables}_PORT=${port < 65_535 ? port + 1 : 50_051} npm start`;
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} is in use by another program, maybe another npm start. Stop it or ${other}`;
    case 'EACCES':
      return `Port ${port} may not be used by this user: choose one above 1023 as ${variables}_PORT.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${variables}_HOST is ${host}: this machine has no such address.`;
    default:
      return `Cannot listen on ${host}, port ${port} (${code}): set ${variables}_HOST and ${variables}_PORT.`;
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
