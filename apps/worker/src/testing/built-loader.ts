import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import type { HandlersTried } from './try-handlers';

const PROJECT = resolve(__dirname, '../..');
export const WORKSPACE = resolve(PROJECT, '../..');
const LIMIT_MS = 60_000;

/** The worker's loader of handlers, bundled as the worker is and run by plain node. */
export interface BuiltLoader {
  /** Where it was put: a folder of its own, for a test's modules too. */
  readonly folder: string;
  /** Loads the module and takes the events through its handlers; `cwd` is the workspace by default. */
  run(path: string, events?: readonly object[], cwd?: string): Promise<HandlersTried>;
  remove(): Promise<void>;
}

export async function buildLoader(): Promise<BuiltLoader> {
  const folder = await mkdtemp(join(tmpdir(), 'handlers-test-'));
  const program = join(folder, 'program', 'try-handlers.js');
  // The options of the build target in nx.json that decide how a module is loaded.
  await build({
    entryPoints: [join(PROJECT, 'src/testing/try-handlers.ts')],
    tsconfig: join(PROJECT, 'tsconfig.json'),
    outfile: program,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    loader: { '.lua': 'text' },
    logLevel: 'error',
  });
  return {
    folder,
    run: async (path, events = [], cwd = WORKSPACE) => {
      const bodies = JSON.stringify(events.map((event) => JSON.stringify(event)));
      const { stdout } = await promisify(execFile)(process.execPath, [program, path, bodies], {
        cwd,
        timeout: LIMIT_MS,
        killSignal: 'SIGKILL',
      });
      return JSON.parse(stdout) as HandlersTried;
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
