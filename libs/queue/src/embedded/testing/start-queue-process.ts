import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { guardOrphan } from '@event-pipeline/runtime';

const root = join(__dirname, '../../../../..');

/** Bundles queue-process.ts into a folder of the workspace, where its packages are found. */
export function buildQueueProcess(folder: string): string {
  const script = join(folder, 'queue-process.js');
  execFileSync(join(root, 'node_modules/.bin/esbuild'), [
    join(__dirname, 'queue-process.ts'),
    '--bundle',
    '--platform=node',
    '--external:lmdb',
    `--tsconfig=${join(root, 'tsconfig.base.json')}`,
    `--outfile=${script}`,
    '--log-level=warning',
  ]);
  return script;
}

export interface QueueProcess {
  readonly child: ChildProcess;
  /** Every line it has said. */
  readonly lines: readonly string[];
  /** Resolves once it has said a line that the test accepts; rejects when it ends before. */
  said(accept: (line: string, lines: readonly string[]) => boolean): Promise<string>;
  /** Resolves when it is over and everything it said was read. */
  readonly ended: Promise<{ code: number | null; errors: string }>;
}

/** Starts `queue-process <args>`, as another user where one is given. */
export function startQueueProcess(
  script: string,
  args: readonly string[],
  options: { uid?: number } = {},
): QueueProcess {
  const child = spawn(process.execPath, [script, ...args], {
    env: {},
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  });
  if (child.pid === undefined) throw new Error('the process cannot be started');
  const guard = guardOrphan(child.pid, { signal: 'SIGKILL' });
  const lines: string[] = [];
  let errors = '';
  child.stderr.on('data', (part) => (errors += String(part)));
  const reader = createInterface(child.stdout);
  reader.on('line', (line) => lines.push(line));
  const ended = Promise.all([once(child, 'close'), once(reader, 'close')]).then(([[code]]) => {
    guard.release();
    return { code: code as number | null, errors };
  });
  return {
    child,
    lines,
    ended,
    said: async (accept) => {
      for (let seen = 0; ;) {
        for (; seen < lines.length; seen++) {
          const line = lines[seen] as string;
          if (accept(line, lines.slice(0, seen + 1))) return line;
        }
        const over = ended.then(() => seen === lines.length);
        if ((await Promise.race([once(reader, 'line').then(() => false), over])) === true) {
          throw new Error(`the process ended: ${lines.slice(-3).join(' | ')} ${errors}`);
        }
      }
    },
  };
}
