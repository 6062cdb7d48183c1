import type { Client } from '@grpc/grpc-js';
import type { Clock } from '@event-pipeline/runtime/basics';
import { isConnected, waitUntilConnected } from './collector-channel';
import type { CollectorRotation } from './collector-rotation';

export interface LaneChannelDeps {
  readonly rotation: CollectorRotation;
  readonly clock: Clock;
  openChannel(address: string): Client;
  /** There is no connection to this collector; told as often as that is looked at. */
  onNotConnected(address: string): void;
}

/** Failures in a row after which a channel is replaced. */
const CHANNEL_FAILURES = 3;
/** How long a channel may take to connect before it is replaced, ms. */
const CONNECT_MS = 5_000;
/** A lost connection is looked for in steps of this length, ms. */
const CONNECT_LOOK_MS = 1_000;
/** How long a connection stays with another collector before it looks for its own again, ms. */
const AWAY_MS = 15_000;

/**
 * The way of one connection to a collector. Each has a collector of its own, so that the load is shared; where
 * that one fails it goes to the next, and comes back later. A channel that keeps failing is replaced even where
 * there is only one collector: its name may lead elsewhere by now.
 */
export class LaneChannel {
  readonly #deps: LaneChannelDeps;
  readonly #home: string;
  readonly #stop: AbortSignal;
  #address: string;
  #client: Client;
  #awaySince = 0;
  #looking: Promise<void> | undefined;
  /** A connection to its own collector, found while it is away. */
  #found: Client | undefined;

  constructor(number: number, deps: LaneChannelDeps, stop: AbortSignal) {
    this.#deps = deps;
    this.#home = deps.rotation.home(number);
    this.#stop = stop;
    this.#address = this.#home;
    this.#client = deps.openChannel(this.#home);
  }

  get client(): Client {
    return this.#client;
  }

  get address(): string {
    return this.#address;
  }

  get isConnected(): boolean {
    return isConnected(this.#client);
  }

  worked(): void {
    this.#deps.rotation.worked(this.#address);
  }

  /**
   * Waits until a call may be made again after so many failures in a row; at once where another collector
   * seems well. Which collector that is may have changed then.
   *
   * @param isBusy the collector is there and asks to wait: no reason to leave it
   */
  async afterFailure(delayMs: number, isBusy: boolean, failures: number): Promise<void> {
    const { clock, rotation } = this.#deps;
    if (!isBusy) rotation.failed(this.#address);
    const next = rotation.after(this.#address);
    const moves = !isBusy && next !== this.#address;
    if (moves && rotation.seemsWell(next)) return this.#replace(next);
    await clock.sleep(delayMs, this.#stop);
    if (moves || failures % CHANNEL_FAILURES === 0) this.#replace(next);
  }

  /** Resolves when it is connected, to whichever collector, or when it shall stop. */
  async connected(): Promise<void> {
    const { clock, rotation, onNotConnected } = this.#deps;
    let since = clock.monotonic();
    while (!this.#stop.aborted) {
      const limit = { clock, timeoutMs: CONNECT_LOOK_MS };
      if (await waitUntilConnected([this.#client], limit, this.#stop)) return;
      if (this.#stop.aborted) return;
      onNotConnected(this.#address);
      const hasOther = rotation.hasOthers(this.#address);
      if (!hasOther && clock.monotonic() - since < CONNECT_MS) continue;
      rotation.failed(this.#address);
      this.#replace(rotation.after(this.#address));
      since = clock.monotonic();
    }
  }

  /** Looks from time to time whether its own collector is back; true once it is, and `goHome` leads there. */
  mayGoHome(): boolean {
    const { clock } = this.#deps;
    if (this.#address === this.#home || this.#stop.aborted) return false;
    if (this.#found !== undefined) return true;
    if (clock.monotonic() - this.#awaySince < AWAY_MS) return false;
    this.#awaySince = clock.monotonic();
    this.#looking ??= this.#lookForHome().finally(() => (this.#looking = undefined));
    return false;
  }

  /** To be called while no call is under way. */
  goHome(): void {
    const found = this.#found;
    if (found === undefined) return;
    this.#found = undefined;
    this.#client.close();
    this.#client = found;
    this.#address = this.#home;
    this.#deps.rotation.worked(this.#home);
  }

  /** After the signal has aborted. */
  async close(): Promise<void> {
    await this.#looking;
    this.#found?.close();
    this.#client.close();
  }

  async #lookForHome(): Promise<void> {
    const { clock, openChannel } = this.#deps;
    const client = openChannel(this.#home);
    const limit = { clock, timeoutMs: CONNECT_LOOK_MS };
    const isThere = await waitUntilConnected([client], limit, this.#stop);
    if (isThere && this.#address !== this.#home) this.#found = client;
    else client.close();
  }

  #replace(address: string): void {
    if (this.#stop.aborted) return;
    this.#client.close();
    this.#found?.close();
    this.#found = undefined;
    this.#address = address;
    this.#awaySince = this.#deps.clock.monotonic();
    this.#client = this.#deps.openChannel(address);
  }
}
