import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  statSync,
  statfsSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Makes a folder and those above it, where they are missing, and puts their names on disk. Step by
 * step: Node's own `recursive` never comes back from a folder in /proc.
 */
export function makeFolder(path: string): void {
  makeAt(resolve(path));
}

function makeAt(path: string): void {
  if (existsSync(path)) return;
  makeAt(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process was faster.
    if (!existsSync(path)) throw error;
  }
  flushFolder(dirname(path));
}

/** Of Linux: proc and sysfs, which let root write and hold nothing (linux/magic.h). */
const KERNEL_FILE_SYSTEMS: ReadonlySet<number> = new Set([0x9fa0, 0x62656572]);

/**
 * Why this user can neither use the folder nor make it, in words that follow its path; undefined where
 * nothing is in the way. Makes nothing. What only the attempt shows, such as a full disk, stays unknown.
 */
export function obstacleToFolder(path: string): string | undefined {
  const place = resolve(path);
  const nearest = nearestThereIs(place);
  const isIt = nearest === place;
  const says = (obstacle: string) =>
    isIt ? `there, but ${obstacle}` : `cannot be made: "${nearest}" ${obstacle}`;
  try {
    if (!statSync(nearest).isDirectory()) return says('is no folder');
    accessSync(nearest, constants.R_OK | constants.W_OK | constants.X_OK);
    if (KERNEL_FILE_SYSTEMS.has(statfsSync(nearest).type)) return says('is no place for files');
    return undefined;
  } catch (error) {
    const isReadOnly = (error as { code?: unknown }).code === 'EROFS';
    return says(isReadOnly ? 'is on a read-only file system' : 'is not writable for this user');
  }
}

function nearestThereIs(path: string): string {
  for (let at = path; ; at = dirname(at)) if (existsSync(at) || at === dirname(at)) return at;
}

/** Puts the names of what is new in a folder on disk, which flushing the files does not promise. */
export function flushFolder(path: string): void {
  try {
    const descriptor = openSync(path, 'r');
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // Not every system lets a folder be opened or flushed; those that do not need no flush.
  }
}
