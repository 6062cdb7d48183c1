import type { Clock } from '@event-pipeline/runtime/basics';

/** How long a collector that failed is passed over, where there is another one. */
const AVOID_MS = 5_000;

/** The collectors' addresses in a circle, and which of them failed lately. */
export class CollectorRotation {
  readonly #addresses: readonly string[];
  readonly #clock: Clock;
  readonly #failedAt = new Map<string, number>();

  /** @param addresses at least one */
  constructor(addresses: readonly string[], clock: Clock) {
    this.#addresses = addresses;
    this.#clock = clock;
  }

  /** The collector that the connection of this number begins with. */
  home(connection: number): string {
    return this.#addresses[connection % this.#addresses.length] ?? '';
  }

  hasOthers(address: string): boolean {
    return this.#addresses.some((other) => other !== address);
  }

  failed(address: string): void {
    this.#failedAt.set(address, this.#clock.monotonic());
  }

  worked(address: string): void {
    this.#failedAt.delete(address);
  }

  /** Whether it has not failed lately. */
  seemsWell(address: string): boolean {
    const failedAt = this.#failedAt.get(address);
    return failedAt === undefined || this.#clock.monotonic() - failedAt >= AVOID_MS;
  }

  /** The one behind this one that seems well; the very next one where none does. */
  after(address: string): string {
    const at = this.#addresses.indexOf(address);
    const others = [...this.#addresses.slice(at + 1), ...this.#addresses.slice(0, at + 1)];
    return others.find((other) => this.seemsWell(other)) ?? others[0] ?? address;
  }
}
