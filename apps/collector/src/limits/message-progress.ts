/** Compression flag and length, before each message of gRPC. */
const PREFIX_BYTES = 5;
const LENGTH_OFFSET = 1;

/**
 * How far the messages of one call have come: reads the length of each from the bytes that pass, and
 * keeps none of them.
 */
export class MessageProgress {
  /** Bytes here of a message that has not come whole. */
  unfinishedBytes = 0;
  /** When the first of these came; where there are none, when the last message was whole. */
  since: number;
  /** The largest length that was announced, in bytes. */
  largest = 0;
  /** True once a message has begun. */
  begun = false;
  private readonly prefix = Buffer.alloc(PREFIX_BYTES);
  private prefixBytes = 0;
  private missing = 0;

  constructor(now: number) {
    this.since = now;
  }

  read(chunk: Buffer, now: number): void {
    this.begun = true;
    let at = 0;
    while (at < chunk.length) {
      if (this.prefixBytes < PREFIX_BYTES) {
        if (this.prefixBytes === 0) this.since = now;
        at = this.readPrefix(chunk, at);
        if (this.prefixBytes < PREFIX_BYTES) return;
      }
      const taken = Math.min(this.missing, chunk.length - at);
      at += taken;
      this.missing -= taken;
      this.unfinishedBytes += taken;
      if (this.missing > 0) return;
      this.prefixBytes = 0;
      this.unfinishedBytes = 0;
      this.since = now;
    }
  }

  /** True in the middle of a message. */
  get isUnfinished(): boolean {
    return this.prefixBytes > 0;
  }

  private readPrefix(chunk: Buffer, from: number): number {
    const taken = Math.min(PREFIX_BYTES - this.prefixBytes, chunk.length - from);
    chunk.copy(this.prefix, this.prefixBytes, from, from + taken);
    this.prefixBytes += taken;
    this.unfinishedBytes += taken;
    if (this.prefixBytes === PREFIX_BYTES) {
      this.missing = this.prefix.readUInt32BE(LENGTH_OFFSET);
      this.largest = Math.max(this.largest, this.missing);
    }
    return from + taken;
  }
}
