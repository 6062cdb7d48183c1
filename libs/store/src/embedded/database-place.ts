import { stat } from 'node:fs/promises';

/** Which files the paths of an open database lead to: its own and its write-ahead log's. */
export class DatabasePlace {
  private constructor(
    private readonly file: string,
    private readonly identities: readonly (string | undefined)[],
  ) {}

  /** Of a database that is open: then both are there, and both stay. */
  static async of(file: string): Promise<DatabasePlace> {
    return new DatabasePlace(file, await identitiesOf(file));
  }

  /** Whether the paths still lead there. Costs two looks at a folder, no wait for a disk. */
  async isStill(): Promise<boolean> {
    const now = await identitiesOf(this.file);
    return this.identities.every((identity, i) => identity === undefined || identity === now[i]);
  }
}

function identitiesOf(file: string): Promise<(string | undefined)[]> {
  return Promise.all([file, `${file}-wal`].map(identityOf));
}

async function identityOf(path: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
