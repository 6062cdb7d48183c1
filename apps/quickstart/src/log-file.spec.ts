import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LogFile } from './log-file';

describe('a log file', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'log-file-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');

  it('has every line at once, without being closed', () => {
    const log = new LogFile(join(folder, 'a.log'));
    log.write('one');
    log.write('zwölf');
    expect(read('a.log')).toBe('one\nzwölf\n');
    log.close();
  });

  it('keeps the log of the start before', () => {
    writeFileSync(join(folder, 'a.log'), 'before\n');
    new LogFile(join(folder, 'a.log')).close();
    expect(read('a.log.1')).toBe('before\n');
    expect(read('a.log')).toBe('');
  });

  it('never takes more than twice its limit and a line', () => {
    const log = new LogFile(join(folder, 'a.log'), { maxBytes: 100 });
    for (let n = 100; n < 200; n += 1) log.write(`line ${n}`);
    log.close();
    expect(existsSync(join(folder, 'a.log.2'))).toBe(false);
    expect(read('a.log.1').length).toBeLessThanOrEqual(100 + 'line 100\n'.length);
    expect(read('a.log').length).toBeLessThanOrEqual(100 + 'line 100\n'.length);
    expect(read('a.log.1') + read('a.log')).toMatch(/line 199\n$/);
  });

  it('takes lines after its close for lost', () => {
    const log = new LogFile(join(folder, 'a.log'));
    log.close();
    expect(() => log.write('late')).not.toThrow();
  });
});
