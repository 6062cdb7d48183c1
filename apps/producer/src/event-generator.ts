import type { Event } from '@event-pipeline/contracts';
import type { Clock, Random } from '@event-pipeline/runtime';
import { eventBytes, type EventSource, type OutgoingEvent } from './event-source';
import { SeededRandom } from './seeded-random';

export interface GeneratorOptions {
  readonly count: number;
  /** Taken in turn: the first event gets the first one. At least one. */
  readonly types: readonly string[];
  /** With a seed, ids and timestamps are the same in every run, so an id keeps its content. */
  readonly seed: number | undefined;
}

/** Timestamp of the first event of a seeded run; each later one is a millisecond on. */
const SEEDED_START = Date.UTC(2025, 0, 1);

const NO_DATA = Buffer.alloc(0);
const NO_ATTRIBUTES: Event['attributes'] = new Map();

/** Makes `count` events of nothing but an id, a type and a timestamp. */
export class GeneratedEvents implements EventSource {
  readonly total: number;
  readonly #types: readonly string[];
  readonly #nextId: () => string;
  readonly #timestampOf: (index: number) => number;
  #made = 0;

  constructor({ count, types, seed }: GeneratorOptions, deps: { clock: Clock; random: Random }) {
    this.total = count;
    this.#types = types;
    const random = seed === undefined ? deps.random : new SeededRandom(seed);
    this.#nextId = () => random.uuid();
    this.#timestampOf =
      seed === undefined ? () => deps.clock.now() : (index) => SEEDED_START + index;
  }

  get ended(): boolean {
    return this.#made >= this.total;
  }

  take(maxEvents: number, maxBytes: number): readonly OutgoingEvent[] {
    const events: OutgoingEvent[] = [];
    let taken = 0;
    while (events.length < maxEvents && taken < maxBytes && !this.ended) {
      const next = this.#make(this.#made);
      this.#made += 1;
      taken += next.bytes;
      events.push(next);
    }
    return events;
  }

  whenReady(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.#made = this.total;
  }

  #make(index: number): OutgoingEvent {
    const event: Event = {
      eventId: this.#nextId(),
      type: this.#types[index % this.#types.length] ?? '',
      timestamp: this.#timestampOf(index),
      data: NO_DATA,
      dataContentType: '',
      attributes: NO_ATTRIBUTES,
      source: '',
      partitionKey: '',
      schemaVersion: '',
    };
    return { event, bytes: eventBytes(event), position: index + 1 };
  }
}
