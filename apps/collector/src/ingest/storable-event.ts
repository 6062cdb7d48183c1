import { keyHash, type EventPacker } from '@event-pipeline/queue';

/** An event that was accepted. It may be good only until the next one is judged: it is written at once. */
export interface StorableEvent {
  readonly rejection: undefined;
  /** The length of its stored text in UTF-8. */
  readonly textBytes: number;
  /** Of the key that chooses its partition; see partitionOfHash. */
  keyHash(): number;
  /** Appends its stored text to a batch. */
  writeTo(packer: EventPacker): void;
}

/** One whose text is known. */
export class StorableText implements StorableEvent {
  readonly rejection = undefined;
  readonly textBytes: number;

  constructor(
    private readonly text: string,
    private readonly key: string,
  ) {
    this.textBytes = Buffer.byteLength(text);
  }

  keyHash(): number {
    return keyHash(this.key);
  }

  writeTo(packer: EventPacker): void {
    packer.add(this.text);
  }
}
