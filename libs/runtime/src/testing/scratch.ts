import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type CleanUp = () => unknown;

/** What a test leaves behind, undone in reverse order whatever became of the test. */
export class Scratch {
  private readonly cleanUps: CleanUp[] = [];

  /** Returns what takes the promise back, for something that is gone before the test ends. */
  afterwards(cleanUp: CleanUp): () => void {
    this.cleanUps.push(cleanUp);
    return () => {
      const at = this.cleanUps.lastIndexOf(cleanUp);
      if (at >= 0) this.cleanUps.splice(at, 1);
    };
  }

  /** A folder of the test's own. */
  async folder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'pipeline-e2e-'));
    this.afterwards(() => rm(folder, { recursive: true, force: true }));
    return folder;
  }

  /** Undoes all of it, also what follows one that fails; then rejects with the first failure. */
  async clean(): Promise<void> {
    const failures: unknown[] = [];
    for (let cleanUp = this.cleanUps.pop(); cleanUp; cleanUp = this.cleanUps.pop()) {
      try {
        await cleanUp();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
