import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { flushFolder, makeFolder, obstacleToFolder } from './folders';

describe('making a folder', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'folders-test-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('makes those above it, and is content with one that is there', () => {
    const deep = join(folder, 'a', 'b', 'c');
    makeFolder(deep);
    makeFolder(deep);
    expect(existsSync(deep)).toBe(true);
  });

  it('fails where a file is in the way, and comes back from /proc', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(() => makeFolder(join(folder, 'file', 'below'))).toThrow(/ENOTDIR/);
    expect(() => makeFolder('/proc/nothing/below')).toThrow();
  });

  it('knows beforehand what will be in the way, and makes nothing to find out', () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(obstacleToFolder(folder)).toBeUndefined();
    expect(obstacleToFolder(join(folder, 'a', 'b'))).toBeUndefined();
    expect(existsSync(join(folder, 'a'))).toBe(false);
    expect(obstacleToFolder(file)).toBe('there, but is no folder');
    const below = join(file, 'below', 'deeper');
    expect(obstacleToFolder(below)).toBe(`cannot be made: "${file}" is no folder`);
  });

  const isLinux = process.platform === 'linux';
  (isLinux ? it : it.skip)('knows that nothing can be made in /proc', () => {
    expect(obstacleToFolder('/proc/nothing/below')).toMatch(/^cannot be made: "\/proc" is no/);
  });

  // Root may write everywhere.
  (process.getuid?.() === 0 ? it.skip : it)('knows where this user may not write', () => {
    chmodSync(folder, 0o500);
    expect(obstacleToFolder(folder)).toBe('there, but is not writable for this user');
    const inside = join(folder, 'a');
    expect(obstacleToFolder(inside)).toBe(
      `cannot be made: "${folder}" is not writable for this user`,
    );
    chmodSync(folder, 0o700);
  });

  it('flushes what can be flushed, and fails at nothing', () => {
    expect(() => flushFolder(folder)).not.toThrow();
    expect(() => flushFolder(join(folder, 'not there'))).not.toThrow();
  });
});
