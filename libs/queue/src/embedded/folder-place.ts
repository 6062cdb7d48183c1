import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DATA_FILE, LOCK_FILE } from './folder-check';

interface Identity {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** Which files the paths of an open queue lead to: its data and the lock that all users share. */
export class FolderPlace {
  private constructor(
    private readonly files: readonly (readonly [string, Identity | undefined])[],
  ) {}

  /** Of a folder that LMDB has open: both files are there, and both stay. */
  static of(path: string): FolderPlace {
    const files = [DATA_FILE, LOCK_FILE].map((name) => join(path, name));
    return new FolderPlace(files.map((file) => [file, identityOf(file)]));
  }

  /**
   * The first file that its path does not lead to any more; undefined where all is as it was. Two
   * looks at the folder, some microseconds each, and no wait for a disk: it is done twice for each
   * transaction.
   */
  lostFile(): string | undefined {
    return this.files.find(([file, opened]) => !isSame(opened, identityOf(file)))?.[0];
  }

  /** Whether the one with the events is lost, whatever was noticed of the other. */
  isDataLost(): boolean {
    const [data] = this.files;
    return data !== undefined && !isSame(data[1], identityOf(data[0]));
  }
}

/** Undefined too where the path cannot be followed: then nobody finds the file there. */
function identityOf(file: string): Identity | undefined {
  try {
    return statSync(file, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function isSame(one: Identity | undefined, other: Identity | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  return one.ino === other.ino && one.dev === other.dev;
}
