import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDataFolder } from './data-folder';

describe('the data folder', () => {
  let parent: string;
  let path: string;
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'data-folder-'));
    path = join(parent, '.data');
  });
  afterEach(() => rmSync(parent, { recursive: true }));
  const mark = () => join(path, 'in-use-by.pid');

  it('is made, and bears a mark while it is used', () => {
    const folder = openDataFolder(path);
    expect(readFileSync(mark(), 'utf8')).toBe(`${process.pid}\n`);
    folder.openLog('worker').close();
    expect(existsSync(join(path, 'logs/worker.log'))).toBe(true);
    folder.release();
    folder.release();
    expect(existsSync(mark())).toBe(false);
  });

  it('is taken over from one that has ended without a word', () => {
    openDataFolder(path).release();
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    for (const left of [`${pid}\n`, 'nonsense', '']) {
      writeFileSync(mark(), left);
      openDataFolder(path).release();
    }
    // A process that took over the number of the one that ended.
    writeFileSync(mark(), '1\n');
    if (existsSync('/proc/1/cmdline')) openDataFolder(path).release();
  });

  it('is refused in one line where it cannot be written', () => {
    writeFileSync(path, 'a file in its place');
    expect(() => openDataFolder(path)).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(/^The data folder .*\.data cannot be written: .*ENOTDIR.*$/),
      }),
    );
  });
});
