import { statSync } from 'node:fs';
import { join } from 'node:path';

const DATA_FOLDER = '.data';

/**
 * Two lines, the second to be copied, for commands that look at Redis on this machine because
 * nothing says where the queue is, while `npm start` has left a queue in this folder; undefined where
 * that is not so.
 *
 * They do not switch to that queue by themselves: collector and worker would use Redis with the same
 * variables, and a purge must not meet another queue than theirs.
 *
 * @param folder the current folder
 */
export function quickstartHint(
  env: NodeJS.ProcessEnv,
  folder: string,
  command: string,
): string | undefined {
  if ((env['QUEUE_URL'] ?? '') !== '' || (env['REDIS_HOST'] ?? '') !== '') return undefined;
  if (!isFolder(join(folder, DATA_FOLDER, 'queue'))) return undefined;
  const store = (env['STORE_URL'] ?? '') === '' && isFolder(join(folder, DATA_FOLDER, 'store'));
  const variables = [
    `QUEUE_URL=embedded:${DATA_FOLDER}/queue`,
    ...(store ? [`STORE_URL=embedded:${DATA_FOLDER}/store`] : []),
  ].join(' ');
  return `QUEUE_URL is unset: this looks at Redis. For that of npm start:\n  ${variables} ${command}`;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
