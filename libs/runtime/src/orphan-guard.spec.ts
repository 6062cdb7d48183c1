import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from './clock';
import { isRunning } from './testing/running-process';

/** Starts a child that never ends by itself, guards it, prints its process id and waits. */
const GUARDED_PARENT = `
  const { buildSync } = require('esbuild');
  const { outputFiles } = buildSync({
    entryPoints: [process.argv[1]], bundle: true, platform: 'node', format: 'cjs', write: false,
  });
  const loaded = { exports: {} };
  new Function('module', 'exports', 'require', outputFiles[0].text)(loaded, loaded.exports, require);
  const child = require('node:child_process').spawn(
    process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { stdio: 'ignore', detached: true },
  );
  const guard = loaded.exports.guardOrphan(
    child.pid, { signal: 'SIGTERM', removeFolder: process.argv[2] },
  );
  setInterval(() => undefined, 1000);
  process.once('SIGUSR2', () => { guard.release(); console.log('released'); });
  console.log(child.pid);
`;

describe('a guarded child', () => {
  let folder: string;
  let parent: ReturnType<typeof startParent>;
  let lines: AsyncIterator<string>;
  let child: number;

  const startParent = () =>
    spawn(process.execPath, ['-e', GUARDED_PARENT, join(__dirname, 'orphan-guard.ts'), folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  const nextLine = async () => String((await lines.next()).value);

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'orphan-guard-'));
    parent = startParent();
    lines = createInterface(parent.stdout)[Symbol.asyncIterator]();
    child = Number(await nextLine());
  });

  it('ends with its parent, even by kill -9, and its folder goes', async () => {
    expect(isRunning(child)).toBe(true);
    parent.kill('SIGKILL');
    while (isRunning(child) || existsSync(folder)) await systemClock.sleep(10);
  });

  it('outlives its parent once it is released', async () => {
    parent.kill('SIGUSR2');
    expect(await nextLine()).toBe('released');
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    // Nothing is to happen, so there is nothing to wait for: a shell would be faster than this.
    await systemClock.sleep(200);
    expect(isRunning(child)).toBe(true);
    expect(existsSync(folder)).toBe(true);
    process.kill(child, 'SIGKILL');
  });
});
