import { open, readFile, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { SEGMENT_HEAD } from './segment-format';

/** One file of the spill. It is written to its end once, and never changed. */
export class Segment {
  /** Bytes of it that count: what was written and flushed. */
  size: number;
  /** Batches in it that are not settled, and their bytes. */
  live = 0;
  liveBytes = 0;
  #handle: FileHandle | undefined;

  private constructor(
    readonly number: number,
    readonly path: string,
    size: number,
    handle: FileHandle | undefined,
  ) {
    this.size = size;
    this.#handle = handle;
  }

  /** A new file. Its name is on disk when this resolves. */
  static async create(folder: string, number: number): Promise<Segment> {
    const path = join(folder, fileName(number));
    const handle = await open(path, 'wx+', 0o600);
    try {
      await handle.write(SEGMENT_HEAD, 0, SEGMENT_HEAD.length, 0);
      await handle.datasync();
      await syncFolder(folder);
    } catch (error) {
      await handle.close();
      await unlink(path).catch(() => undefined);
      throw error;
    }
    return new Segment(number, path, SEGMENT_HEAD.length, handle);
  }

  /** The file of an earlier run, and all that is in it. */
  static async existing(folder: string, number: number): Promise<[Segment, Buffer]> {
    const path = join(folder, fileName(number));
    const content = await readFile(path);
    return [new Segment(number, path, content.length, undefined), content];
  }

  /** Resolves when the bytes are in the file, and on disk where `flush` says so. */
  async append(parts: readonly Buffer[], flush: boolean): Promise<void> {
    const handle = await this.#opened();
    let position = this.size;
    const bytes = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position);
      done += bytesWritten;
      position += bytesWritten;
    }
    if (flush) await handle.datasync();
    this.size = position;
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const handle = await this.#opened();
    const bytes = Buffer.allocUnsafe(length);
    const { bytesRead } = await handle.read(bytes, 0, length, offset);
    return bytes.subarray(0, bytesRead);
  }

  /** Cuts off what a failed append has left. Where even that fails, checksums tell. */
  async cutBack(): Promise<void> {
    try {
      const handle = await this.#opened();
      await handle.truncate(this.size);
      await handle.datasync();
    } catch {
      // The next start reads up to the first record that is not whole.
    }
    await this.close();
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close().catch(() => undefined);
  }

  async delete(): Promise<void> {
    await this.close();
    await unlink(this.path);
  }

  async #opened(): Promise<FileHandle> {
    this.#handle ??= await open(this.path, 'r+');
    return this.#handle;
  }
}

const FILE_NAME = /^spill-(\d{10})\.log$/;

function fileName(number: number): string {
  return `spill-${String(number).padStart(10, '0')}.log`;
}

/** The number of a segment's file; undefined for any other file. */
export function segmentNumber(name: string): number | undefined {
  const digits = FILE_NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
