import { FlowController, type FlowBudget, type FlowLimits } from './flow-controller';

/**
 * The share that one stream may hold of a budget that many use. It asks for its own share first, so
 * a stream that has used that up waits by itself and not in the line of all.
 *
 * As with the whole budget, a request above the share is admitted when the stream holds nothing else.
 */
export class StreamFlow implements FlowBudget {
  readonly #own: FlowController;

  constructor(
    private readonly shared: FlowBudget,
    limits: FlowLimits,
  ) {
    this.#own = new FlowController(limits);
  }

  tryAcquire(events: number, bytes: number): boolean {
    if (!this.#own.tryAcquire(events, bytes)) return false;
    if (this.shared.tryAcquire(events, bytes)) return true;
    this.#own.release(events, bytes);
    return false;
  }

  async acquire(events: number, bytes: number, signal?: AbortSignal): Promise<void> {
    await this.#own.acquire(events, bytes, signal);
    try {
      await this.shared.acquire(events, bytes, signal);
    } catch (error) {
      this.#own.release(events, bytes);
      throw error;
    }
  }

  grow(bytes: number): void {
    this.#own.grow(bytes);
    this.shared.grow(bytes);
  }

  release(events: number, bytes: number): void {
    this.shared.release(events, bytes);
    this.#own.release(events, bytes);
  }
}
