import { isUtf8 } from 'node:buffer';

/** The longest line that is read; a longer one is reported and skipped, however long it is. */
export const MAX_LINE_BYTES = 1_048_576;

export interface InputLine {
  /** From 1. */
  readonly number: number;
  readonly text: string;
  /** Set where the line could not be read: why. */
  readonly problem?: string;
}

const NEWLINE = 0x0a;

/** Cuts chunks of bytes into lines; holds one chunk and at most one line beyond it. */
export class LineSplitter {
  #chunk: Buffer = Buffer.alloc(0);
  #offset = 0;
  #partial: Buffer[] = [];
  #partialBytes = 0;
  #number = 0;

  /** True when every complete line has been handed out: the next chunk may come. */
  get needsInput(): boolean {
    return this.#offset >= this.#chunk.length;
  }

  /** Only while `needsInput`. */
  push(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#offset = 0;
  }

  /** The next complete line without its end; undefined when the chunk holds no more. */
  next(): InputLine | undefined {
    if (this.needsInput) return undefined;
    const end = this.#chunk.indexOf(NEWLINE, this.#offset);
    const piece = this.#chunk.subarray(this.#offset, end < 0 ? this.#chunk.length : end);
    this.#offset = end < 0 ? this.#chunk.length : end + 1;
    if (end >= 0) return this.#finish(piece);
    this.#keep(piece);
    return undefined;
  }

  /** The last line, where it has no end of its own. */
  rest(): InputLine | undefined {
    return this.#partialBytes > 0 ? this.#finish(Buffer.alloc(0)) : undefined;
  }

  #keep(piece: Buffer): void {
    this.#partialBytes += piece.length;
    if (this.#partialBytes > MAX_LINE_BYTES) this.#partial = [];
    else this.#partial.push(piece);
  }

  #finish(piece: Buffer): InputLine {
    this.#number += 1;
    const length = this.#partialBytes + piece.length;
    const number = this.#number;
    const bytes = this.#partialBytes === 0 ? piece : Buffer.concat([...this.#partial, piece]);
    this.#partial = [];
    this.#partialBytes = 0;
    if (length > MAX_LINE_BYTES) {
      return { number, text: '', problem: `longer than ${MAX_LINE_BYTES} bytes` };
    }
    if (!isUtf8(bytes)) return { number, text: '', problem: 'not valid UTF-8' };
    const text = bytes.toString('utf8');
    return { number, text: number === 1 ? text.replace(/^\ufeff/, '') : text };
  }
}
