import { closeSync, existsSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
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
