import type { EventServiceClient } from '@event-pipeline/contracts';
import { CallToken, waitUntilConnected } from '@event-pipeline/publisher/calls';
import { openClients } from './collector-clients';
import type { SendMode, Sender, SenderDeps } from './send-mode';
import { sendByStreams } from './stream-sender';

/** One connection at work, and what it shares with the others. */
export interface StreamLane extends Pick<
  SenderDeps,
  'feed' | 'tally' | 'clock' | 'random' | 'stop' | 'giveUp' | 'stopRun' | 'notice'
> {
  readonly client: EventServiceClient;
  readonly token: CallToken;
  /** Bytes kept until they are acknowledged; one event may exceed it. */
  readonly windowBytes: number;
  /** Waits for `ms`, then until the connection is up; ends early with `stop`. */
  beforeRetry(ms: number): Promise<void>;
}

/** Single events by StreamEvents, for which a publisher has no use: they bear no batch id. */
export const streamMode: SendMode = {
  unit: 'stream',
  latency: 'from the last event of a stream sent to its answer',
  open: (deps) => new StreamSender(deps),
};

/** A lost connection is looked for in steps of this length. */
const RECONNECT_LOOK_MS = 1_000;
/** Bytes kept until acknowledged: of one connection at most, and of all of them together. */
const MAX_WINDOW_BYTES = 8 * 1_048_576;
const MAX_ALL_WINDOWS_BYTES = 64 * 1_048_576;

class StreamSender implements Sender {
  readonly #deps: SenderDeps;
  readonly #clients: readonly EventServiceClient[];
  /** Connections that wait to be up again. */
  #reconnecting = 0;

  constructor(deps: SenderDeps) {
    this.#deps = deps;
    this.#clients = openClients(deps.collector, deps.connections, deps.transport);
  }

  get isWaiting(): boolean {
    return this.#reconnecting > 0;
  }

  connected(timeoutMs: number): Promise<boolean> {
    const { clock, stop } = this.#deps;
    return waitUntilConnected(this.#clients, { clock, timeoutMs }, stop);
  }

  async send(): Promise<void> {
    const { connections } = this.#deps;
    const windowBytes = Math.min(MAX_WINDOW_BYTES, MAX_ALL_WINDOWS_BYTES / connections);
    const ends = await Promise.allSettled(
      this.#clients.map((client) =>
        sendByStreams({
          ...this.#deps,
          client,
          token: new CallToken(this.#deps.token),
          windowBytes,
          beforeRetry: (ms) => this.#beforeRetry(client, ms),
        }),
      ),
    );
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }

  async #beforeRetry(client: EventServiceClient, ms: number): Promise<void> {
    const { clock, stop, waiting } = this.#deps;
    this.#reconnecting += 1;
    await clock.sleep(ms, stop);
    while (!stop.aborted) {
      const limit = { clock, timeoutMs: RECONNECT_LOOK_MS };
      if (await waitUntilConnected([client], limit, stop)) break;
      waiting();
    }
    this.#reconnecting -= 1;
  }
}
