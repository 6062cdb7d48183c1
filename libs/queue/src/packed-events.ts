import { PipelineError } from '@event-pipeline/runtime';

/** In MessagePack, an array with a length of four bytes, and a text with one. */
const ARRAY = 0xdd;
const TEXT = 0xdb;
const HEAD_BYTES = 5;
/** The most bytes that UTF-8 needs for a unit of a JavaScript text. */
const MOST_BYTES_PER_UNIT = 3;
const OPEN_BRACE = 0x7b;

const FIRST_ROOM = 16_384;
/** A buffer that has grown beyond this is not kept for the next batch, in bytes. */
const MOST_KEPT = 4 * 1_048_576;

/**
 * The texts of a batch's events in one buffer: a MessagePack array of texts, which `cmsgpack.unpack`
 * makes a table of again in a Redis script. So nothing on the way handles events one by one; for the
 * client of Redis alone that is worth more than half a microsecond an event.
 *
 * Each text begins with "{". Never changes.
 */
export class PackedEvents {
  /** @internal See {@link EventPacker.take}. */
  constructor(
    readonly encoded: Buffer,
    readonly length: number,
  ) {}

  static of(texts: readonly string[] | PackedEvents): PackedEvents {
    if (texts instanceof PackedEvents) return texts;
    packer.clear();
    for (const text of texts) packer.add(text);
    return packer.take();
  }

  /** Of the texts alone, in UTF-8. */
  get bytes(): number {
    return this.encoded.length - HEAD_BYTES * (this.length + 1);
  }

  /** Where the first text begins in {@link encoded}. */
  static readonly FIRST_TEXT = 2 * HEAD_BYTES;

  /** The end, exclusive, of the text that begins there. */
  endOf(from: number): number {
    return from + this.encoded.readUInt32BE(from - 4);
  }

  /** Where the next text begins, behind one that ends there. */
  nextAfter(end: number): number {
    return end + HEAD_BYTES;
  }

  /** Calls back for each text with its place in {@link encoded}. */
  forEach(visit: (from: number, to: number, index: number) => void): void {
    let from = PackedEvents.FIRST_TEXT;
    for (let index = 0; index < this.length; index++) {
      const to = this.endOf(from);
      visit(from, to, index);
      from = this.nextAfter(to);
    }
  }

  texts(): string[] {
    const texts: string[] = [];
    this.forEach((from, to) => texts.push(this.encoded.toString('utf8', from, to)));
    return texts;
  }
}

/** Puts texts together, one batch after the other in the same memory. */
export class EventPacker {
  private buffer = Buffer.allocUnsafeSlow(FIRST_ROOM);
  private end = HEAD_BYTES;
  private count = 0;

  /** Texts since the last {@link take}. */
  get length(): number {
    return this.count;
  }

  /** @throws PipelineError INVALID_ARGUMENT for a text that does not begin with "{" */
  add(text: string): void {
    const from = this.room(MOST_BYTES_PER_UNIT * text.length);
    this.close(from, from + this.buffer.write(text, from, 'utf8'));
  }

  /** A text that is UTF-8 already. @throws as {@link add} */
  addBytes(bytes: Uint8Array, start: number, end: number): void {
    const from = this.room(end - start);
    if (start === 0 && end === bytes.length) this.buffer.set(bytes, from);
    else this.buffer.set(bytes.subarray(start, end), from);
    this.close(from, from + end - start);
  }

  /** What was added, as a copy of its own; the next batch begins. */
  take(): PackedEvents {
    const { buffer, end, count } = this;
    buffer[0] = ARRAY;
    buffer.writeUInt32BE(count, 1);
    const packed = new PackedEvents(Buffer.from(buffer.subarray(0, end)), count);
    this.clear();
    return packed;
  }

  /** Forgets what was added. */
  clear(): void {
    this.end = HEAD_BYTES;
    this.count = 0;
    if (this.buffer.length > MOST_KEPT) this.buffer = Buffer.allocUnsafeSlow(FIRST_ROOM);
  }

  /** Where a text of at most so many bytes may begin. */
  private room(bytes: number): number {
    const needed = this.end + HEAD_BYTES + bytes;
    if (needed > this.buffer.length) {
      const larger = Buffer.allocUnsafeSlow(2 * needed);
      larger.set(this.buffer.subarray(0, this.end));
      this.buffer = larger;
    }
    return this.end + HEAD_BYTES;
  }

  private close(from: number, to: number): void {
    const { buffer } = this;
    if (to === from || buffer[from] !== OPEN_BRACE) {
      throw new PipelineError('INVALID_ARGUMENT', 'an event does not begin with "{"');
    }
    buffer[from - HEAD_BYTES] = TEXT;
    buffer.writeUInt32BE(to - from, from - 4);
    this.end = to;
    this.count += 1;
  }
}

const packer = new EventPacker();
