import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { inWorkspace } from '../workspace/paths.mjs';

/** What the workers of a test have handled, by tools/containers/recording-handlers.cjs. */
export class EventRecord {
  constructor() {
    mkdirSync(inWorkspace('tmp'), { recursive: true });
    this.folder = mkdtempSync(inWorkspace('tmp', 'containers-'));
    // Containers write into it as a user of their own.
    chmodSync(this.folder, 0o777);
  }

  /** What makes workers write it. */
  get variables() {
    return {
      HANDLERS_FOLDER: inWorkspace('tools/containers'),
      RECORDS_FOLDER: this.folder,
    };
  }

  /** The ids by container, in the order of their handling; an event handled twice appears twice. */
  get byContainer() {
    const files = readdirSync(this.folder);
    return new Map(
      files.map((file) => {
        const lines = readFileSync(join(this.folder, file), 'utf8').split('\n');
        return [file, lines.slice(0, -1)];
      }),
    );
  }

  /** How many different events were handled. */
  get distinct() {
    return new Set([...this.byContainer.values()].flat()).size;
  }

  clear() {
    for (const file of readdirSync(this.folder)) rmSync(join(this.folder, file));
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
