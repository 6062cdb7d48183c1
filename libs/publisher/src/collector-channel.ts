import {
  Client,
  connectivityState,
  type ChannelCredentials,
  type ClientOptions,
} from '@grpc/grpc-js';
import type { Clock } from '@event-pipeline/runtime/basics';

/** How long a connection with calls on it is silent before it is asked whether it is alive, ms. */
const KEEPALIVE_MS = 10_000;
/** How long the answer to that may take, ms. */
const KEEPALIVE_ANSWER_MS = 5_000;

/** Names of this machine: a proxy cannot reach what they stand for. */
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\]):\d+$/;

/** How grpc-js has to be set for connections to a collector. A lost one is tried again at least every second. */
export function channelOptions(address: string): ClientOptions {
  return {
    // Without it all clients of one address share one connection.
    'grpc.use_local_subchannel_pool': 1,
    // With grpc-js' retry buffer a message counts as written before it is. Without it, write() tells
    // of real back-pressure, and streams beyond the buffer's 1 MiB go from 47 to 80 thousand
    // messages a second. Sending again is done here, by the rules of failure-rules.ts.
    'grpc.per_rpc_retry_buffer_size': 0,
    // A connection that swallows everything looks alive: without an answer to a ping it is given up.
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_ANSWER_MS,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1_000,
    ...(LOOPBACK.test(address) ? { 'grpc.enable_http_proxy': 0 } : {}),
  };
}

/** Opens a channel with a connection of its own. Nothing is connected yet. */
export function openChannel(
  address: string,
  credentials: ChannelCredentials,
  options: ClientOptions = {},
): Client {
  return new Client(address, credentials, { ...channelOptions(address), ...options });
}

/** How soon an abort is noticed: grpc-js cannot be told to stop waiting for a connection. */
const WAIT_SLICE_MS = 250;

/** Whether every client is connected within `timeoutMs`; false soon after the signal aborts. */
export async function waitUntilConnected(
  clients: readonly Client[],
  { clock, timeoutMs }: { clock: Clock; timeoutMs: number },
  signal: AbortSignal,
): Promise<boolean> {
  const end = clock.monotonic() + timeoutMs;
  for (;;) {
    if (signal.aborted) return false;
    if (clients.every(isConnected)) return true;
    const left = end - clock.monotonic();
    if (left <= 0) return false;
    const deadline = clock.now() + Math.min(left, WAIT_SLICE_MS);
    const ready = await Promise.all(clients.map((client) => isConnectedBy(client, deadline)));
    if (ready.every(Boolean)) return true;
  }
}

export function isConnected(client: Client): boolean {
  return client.getChannel().getConnectivityState(false) === connectivityState.READY;
}

function isConnectedBy(client: Client, deadline: number): Promise<boolean> {
  return new Promise((resolve) => {
    client.waitForReady(deadline, (error) => resolve(error === undefined));
  });
}
