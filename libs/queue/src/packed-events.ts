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
  private memory: Buffer = Buffer.allocUnsafeSlow(FIRST_ROOM);
  private memoryView: DataView = viewOf(this.memory);
  private end = HEAD_BYTES;
  private count = 0;

  /** Texts since the last {@link take}. */
  get length(): number {
    return this.count;
  }

  /** @throws PipelineError INVALID_ARGUMENT for a text that does not begin with "{" */
  add(text: string): void {
    const from = this.reserve(MOST_BYTES_PER_UNIT * text.length);
    this.commit(from, from + this.memory.write(text, from, 'utf8'));
  }

  /** A text that is UTF-8 already. @throws as {@link add} */
  addBytes(bytes: Uint8Array, start: number, end: number): void {
    const from = this.reserve(end - start);
    this.memory.set(bytes.subarray(start, end), from);
    this.commit(from, from + end - start);
  }

  /** What was added, as a copy of its own; the next batch begins. */
  take(): PackedEvents {
    const { memory, end, count } = this;
    memory[0] = ARRAY;
    memory.writeUInt32BE(count, 1);
    const packed = new PackedEvents(Buffer.from(memory.subarray(0, end)), count);
    this.clear();
    return packed;
  }

  /** Forgets what was added. */
  clear(): void {
    this.end = HEAD_BYTES;
    this.count = 0;
    if (this.memory.length > MOST_KEPT) this.use(Buffer.allocUnsafeSlow(FIRST_ROOM));
  }

  /** Where a text is to be written with {@link reserve}; another one after each call of it. */
  get buffer(): Uint8Array {
    return this.memory;
  }

  /** Of the same bytes as {@link buffer}. */
  get view(): DataView {
    return this.memoryView;
  }

  /** Where in {@link buffer} a text of at most so many bytes may be written, to be committed then. */
  reserve(bytes: number): number {
    const needed = this.end + HEAD_BYTES + bytes;
    if (needed > this.memory.length) {
      const larger = Buffer.allocUnsafeSlow(2 * needed);
      larger.set(this.memory.subarray(0, this.end));
      this.use(larger);
    }
    return this.end + HEAD_BYTES;
  }

  private use(memory: Buffer): void {
    this.memory = memory;
    this.memoryView = viewOf(memory);
  }

  /** Adds the text that was written there. @throws as {@link add}; nothing is added then */
  commit(from: number, to: number): void {
    const { memory } = this;
    if (to === from || memory[from] !== OPEN_BRACE) {
      throw new PipelineError('INVALID_ARGUMENT', 'an event does not begin with "{"');
    }
    const length = to - from;
    memory[from - 5] = TEXT;
    memory[from - 4] = length >>> 24;
    memory[from - 3] = length >>> 16;
    memory[from - 2] = length >>> 8;
    memory[from - 1] = length;
    this.end = to;
    this.count += 1;
  }
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length);
}

const packer = new EventPacker();
