import { credentials } from '@grpc/grpc-js';
import { EventServiceClient } from '@event-pipeline/contracts';
import type { Clock } from '@event-pipeline/runtime';

/** Names of this machine: a proxy cannot reach what they stand for. */
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\]):\d+$/;

/**
 * Clients with a connection each. Nothing is connected yet; a lost connection is tried again at
 * least every second.
 */
export function openClients(address: string, count: number): readonly EventServiceClient[] {
  const options = {
    // Without it all clients of one address share one connection.
    'grpc.use_local_subchannel_pool': 1,
    // Buffered for retries by grpc-js, a message counts as written before it is: without, write() tells
    // of real back-pressure, and long streams are not slowed down (measured: 47 to 80 thousand a second).
    'grpc.per_rpc_retry_buffer_size': 0,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1_000,
    ...(LOOPBACK.test(address) ? { 'grpc.enable_http_proxy': 0 } : {}),
  };
  return Array.from(
    { length: count },
    () => new EventServiceClient(address, credentials.createInsecure(), options),
  );
}

/** Whether every client is connected within `timeoutMs`; false at once when the signal aborts. */
export async function waitForCollector(
  clients: readonly EventServiceClient[],
  { clock, timeoutMs }: { clock: Clock; timeoutMs: number },
  signal: AbortSignal,
): Promise<boolean> {
  const deadline = clock.now() + timeoutMs;
  const ready = Promise.all(
    clients.map(
      (client) =>
        new Promise<boolean>((resolve) => {
          client.waitForReady(deadline, (error) => resolve(error === undefined));
        }),
    ),
  ).then((results) => results.every(Boolean));
  const given = new AbortController();
  const stop = () => given.abort();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    // The sleep ends with the abort; its length is the limit for a deadline that is not kept.
    const ended = clock.sleep(timeoutMs + 1_000, given.signal).then(() => false);
    return await Promise.race([ready, ended]);
  } finally {
    stop();
    signal.removeEventListener('abort', stop);
  }
}
