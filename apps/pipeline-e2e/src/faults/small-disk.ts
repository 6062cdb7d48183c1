import { execFileSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import type { Scratch } from '../harness/scratch';

/** A file system in memory that is as large as the test says. Needs root. */
export interface SmallDisk {
  readonly folder: string;
  /** Leaves so much room and no more. */
  leave(kib: number): void;
}

export const MUCH_KIB = 262_144;

/** With much room. It is there until the test has ended what uses it, if that is started later. */
export async function smallDisk(scratch: Scratch): Promise<SmallDisk> {
  const folder = await scratch.folder();
  mount('-t', 'tmpfs', '-o', `size=${MUCH_KIB}k`, 'tmpfs', folder);
  scratch.afterwards(() => execFileSync('umount', ['-l', folder]));
  return {
    folder,
    leave: (kib) => {
      const { blocks, bfree, bsize } = statfsSync(folder);
      const usedKib = ((blocks - bfree) * bsize) / 1_024;
      mount('-o', `remount,size=${Math.ceil(usedKib + kib)}k`, folder);
    },
  };
}

function mount(...args: readonly string[]): void {
  execFileSync('mount', args);
}
