import type { Readable } from 'node:stream';
import { messageOf } from '@event-pipeline/runtime';
import { eventBytes, type EventSource, type OutgoingEvent } from './event-source';
import { LineSplitter, type InputLine } from './line-splitter';
import { parseEventLine, type LineDefaults } from './ndjson-line';

export interface NdjsonDeps extends LineDefaults {
  /** Called for each line that is no event, in order. */
  onBadLine(line: number, reason: string): void;
  /** Called once where reading broke off; what was read before is still handed out. */
  onReadError(reason: string): void;
}

/**
 * Events from a text with one JSON object a line, read as it is consumed: it holds one chunk of the
 * input and one line beyond it. Lines of nothing but white space are passed over.
 */
export class NdjsonEvents implements EventSource {
  readonly total = undefined;
  readonly #input: Readable;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #deps: NdjsonDeps;
  readonly #lines = new LineSplitter();
  #reading: Promise<void> | undefined;
  #inputEnded = false;
  #last: InputLine | undefined;

  constructor(input: Readable, deps: NdjsonDeps) {
    this.#input = input;
    this.#chunks = input[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    this.#deps = deps;
  }

  get ended(): boolean {
    return this.#inputEnded && this.#lines.needsInput && this.#last === undefined;
  }

  take(maxEvents: number, maxBytes: number): readonly OutgoingEvent[] {
    const events: OutgoingEvent[] = [];
    let taken = 0;
    while (events.length < maxEvents && taken < maxBytes) {
      const line = this.#nextLine();
      if (line === undefined) break;
      const event = this.#eventOf(line);
      if (event === undefined) continue;
      taken += event.bytes;
      events.push(event);
    }
    return events;
  }

  whenReady(): Promise<void> {
    if (this.ended || this.#last !== undefined || !this.#lines.needsInput) return Promise.resolve();
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  close(): void {
    this.#inputEnded = true;
    this.#input.destroy();
  }

  async #read(): Promise<void> {
    try {
      const { done, value } = await this.#chunks.next();
      if (done !== true) return this.#lines.push(value);
    } catch (error) {
      if (!this.#inputEnded) this.#deps.onReadError(messageOf(error));
    }
    this.#inputEnded = true;
    this.#last = this.#lines.rest();
  }

  #nextLine(): InputLine | undefined {
    const line = this.#lines.next();
    if (line !== undefined) return line;
    const last = this.#last;
    this.#last = undefined;
    return last;
  }

  #eventOf({ number, text, problem }: InputLine): OutgoingEvent | undefined {
    if (problem === undefined && text.trim() === '') return undefined;
    const { event, reason } =
      problem === undefined
        ? parseEventLine(text, this.#deps)
        : { event: undefined, reason: problem };
    if (event !== undefined) return { event, bytes: eventBytes(event), position: number };
    this.#deps.onBadLine(number, reason);
    return undefined;
  }
}
