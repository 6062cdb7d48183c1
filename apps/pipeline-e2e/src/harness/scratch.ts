import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type CleanUp = () => unknown;

/** What a test leaves behind, undone in reverse order whatever became of the test. */
export class Scratch {
  private readonly cleanUps: CleanUp[] = [];

  afterwards(cleanUp: CleanUp): void {
    this.cleanUps.push(cleanUp);
  }

  /** A folder of the test's own. */
  async folder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'pipeline-e2e-'));
    this.afterwards(() => rm(folder, { recursive: true, force: true }));
    return folder;
  }

  async clean(): Promise<void> {
    for (const cleanUp of this.cleanUps.splice(0).reverse()) await cleanUp();
  }
}
