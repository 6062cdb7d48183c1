import { statfs } from 'node:fs/promises';
import type { Clock } from '@event-pipeline/runtime';

/** File systems that keep files in memory: what is flushed there does not outlive the machine. */
const MEMORY_FILE_SYSTEMS = new Set([0x01021994 /* tmpfs */, 0x858458f6 /* ramfs */]);

const MAX_RESERVE_BYTES = 64 * 1_048_576;
/** How old a look at the disk may be; a look costs a trip to the thread pool. */
const MAX_AGE_MS = 500;

/**
 * Watches the room on the disk, so that intake stops before settling what is there becomes
 * impossible: LMDB writes new pages even to remove something.
 */
export class DiskRoom {
  /** Whether, at the last look, less was free than the reserve: 64 MiB, or a twentieth of a small disk. */
  isTight = false;
  isInMemory = false;
  private lookedAt = -Infinity;
  private looking: Promise<void> | undefined;

  constructor(
    private readonly path: string,
    private readonly clock: Clock,
  ) {}

  /** Has it looked at again, beside what goes on, where the last look is old. */
  refresh(): void {
    if (this.clock.monotonic() - this.lookedAt >= MAX_AGE_MS) void this.look();
  }

  /** Looks again at once; never rejects. */
  look(): Promise<void> {
    this.looking ??= this.measure().finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  private async measure(): Promise<void> {
    this.lookedAt = this.clock.monotonic();
    try {
      const { type, bsize, blocks, bavail } = await statfs(this.path);
      this.isTight = bavail * bsize < Math.min(MAX_RESERVE_BYTES, (blocks * bsize) / 20);
      this.isInMemory = MEMORY_FILE_SYSTEMS.has(type);
    } catch {
      // A file system that cannot say counts as roomy: a write that fails tells as well.
      this.isTight = false;
    }
  }
}
