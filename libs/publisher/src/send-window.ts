/** Someone who waits for room, in the order of arrival. */
interface Entrant {
  readonly bytes: number;
  readonly deadline: number;
  enter(): void;
  refuse(why: 'late' | 'closed'): void;
}

export interface WindowLimits {
  readonly maxEvents: number;
  readonly maxBytes: number;
}

/**
 * The room for events that are not acknowledged, in events and in bytes, and the line before it, which is
 * bounded by the same limits. Whoever comes while others wait goes to the end of the line.
 */
export class SendWindow {
  readonly #limits: WindowLimits;
  readonly #line: Entrant[] = [];
  #events = 0;
  #bytes = 0;
  #waitingBytes = 0;

  constructor(limits: WindowLimits) {
    this.#limits = limits;
  }

  get events(): number {
    return this.#events;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get waiting(): number {
    return this.#line.length;
  }

  get isEmpty(): boolean {
    return this.#events === 0 && this.#line.length === 0;
  }

  /** Whether an event may come in now: there is room, and nobody waits. One event may exceed the bytes. */
  get isOpen(): boolean {
    return this.#line.length === 0 && this.#hasRoom;
  }

  /** For whoever has looked at `isOpen`. */
  take(events: number, bytes: number): void {
    this.#events += events;
    this.#bytes += bytes;
  }

  release(events: number, bytes: number): void {
    this.#events -= events;
    this.#bytes -= bytes;
    while (this.#hasRoom) {
      const next = this.#line.shift();
      if (next === undefined) return;
      this.#waitingBytes -= next.bytes;
      next.enter();
    }
  }

  /** Takes a place in the line; false where that is full, too. Who brings no bytes always finds one. */
  wait(entrant: Entrant): boolean {
    const { maxEvents, maxBytes } = this.#limits;
    const isFull = this.#line.length >= maxEvents || this.#waitingBytes >= maxBytes;
    if (isFull && entrant.bytes > 0) return false;
    this.#waitingBytes += entrant.bytes;
    this.#line.push(entrant);
    return true;
  }

  /** Sends away whoever has waited too long. */
  expire(now: number): void {
    if (!this.#line.some(({ deadline }) => deadline <= now)) return;
    for (const entrant of this.#line.splice(0)) {
      if (entrant.deadline > now) {
        this.#line.push(entrant);
      } else {
        this.#waitingBytes -= entrant.bytes;
        entrant.refuse('late');
      }
    }
  }

  /** Sends everybody away. */
  close(): void {
    this.#waitingBytes = 0;
    for (const entrant of this.#line.splice(0)) entrant.refuse('closed');
  }

  get #hasRoom(): boolean {
    return this.#events < this.#limits.maxEvents && this.#bytes < this.#limits.maxBytes;
  }
}
