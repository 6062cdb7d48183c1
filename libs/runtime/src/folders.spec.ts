import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { flushFolder, makeFolder } from './folders';

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

  it('flushes what can be flushed, and fails at nothing', () => {
    expect(() => flushFolder(folder)).not.toThrow();
    expect(() => flushFolder(join(folder, 'not there'))).not.toThrow();
  });
});
