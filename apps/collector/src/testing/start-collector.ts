import { loadConfig, type Component } from '@event-pipeline/runtime';
import { createLogSink, type LogSink } from '@event-pipeline/telemetry/testing';
import { collectorConfig } from '../collector-config';
import { createCollector } from '../create-collector';
import { GrpcServer } from '../grpc/grpc-server';

export interface StartedCollector {
  readonly address: string;
  /** Where its HTTP port is. */
  readonly httpUrl: string;
  /** What it has logged, down to debug. */
  readonly logs: LogSink;
  /** Stops it as SIGTERM does. */
  stop(): Promise<void>;
}

/** A real collector in this process, on free ports. */
export async function startCollector(
  variables: Readonly<Record<string, string>>,
): Promise<StartedCollector> {
  const config = loadConfig(collectorConfig, {
    COLLECTOR_PORT: '0',
    COLLECTOR_HTTP_PORT: '0',
    ...variables,
  });
  const logs = createLogSink();
  const components = await createCollector(config, logs.logger);
  const stop = async () => {
    const grace = AbortSignal.timeout(20_000);
    for (const component of [...components].reverse()) await component.stop(grace);
  };
  try {
    for (const component of components) await component.start();
  } catch (error) {
    await stop();
    throw error;
  }
  const server = components.find((component) => component instanceof GrpcServer);
  return {
    address: `127.0.0.1:${server?.port}`,
    logs,
    httpUrl: `http://127.0.0.1:${httpPortOf(components)}`,
    stop,
  };
}

function httpPortOf(components: readonly Component[]): number {
  const http = components.find(({ name }) => name === 'http-server');
  if (!http || !('address' in http)) throw new Error('the collector has no HTTP server');
  return (http as { address: { port: number } }).address.port;
}
