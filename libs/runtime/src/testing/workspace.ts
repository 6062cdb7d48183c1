import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A path inside the workspace, from wherever this code lies: in its source file or in a bundle. */
export function inWorkspace(...parts: readonly string[]): string {
  let folder = __dirname;
  while (!existsSync(join(folder, 'nx.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`there is no workspace around ${__dirname}`);
    folder = parent;
  }
  return join(folder, ...parts);
}
