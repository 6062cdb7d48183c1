import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(__dirname, '../../..');
let folder: string;
let script: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'log-output-'));
  script = join(folder, 'main.js');
  execFileSync(join(root, 'node_modules/.bin/esbuild'), [
    join(__dirname, 'testing/logging-program.ts'),
    '--bundle',
    '--platform=node',
    `--tsconfig=${join(root, 'tsconfig.base.json')}`,
    `--outfile=${script}`,
    '--log-level=warning',
  ]);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function start(lines: number, then: 'exit' | 'wait') {
  const child = spawn(process.execPath, [script, String(lines), then], { env: {} });
  return { child, ended: once(child, 'close').then(([code]) => code as number | null) };
}

describe('standard output', () => {
  it('has every line of a program that exits right after it logged', async () => {
    const { child, ended } = start(4_000, 'exit');
    const numbers: number[] = [];
    createInterface(child.stdout).on('line', (line) =>
      numbers.push((JSON.parse(line) as { number: number }).number),
    );
    child.stdin.write('go\n');
    expect(await ended).toBe(0);
    expect(numbers).toEqual(Array.from({ length: 4_000 }, (_, number) => number));
  });

  it('costs lines, not the program, when nobody reads it; and says how many', async () => {
    const { child, ended } = start(12_000, 'wait');
    child.stdout.pause();
    child.stdin.write('go\n');
    // The program has gone on, with more logged than pipe and backlog hold.
    expect(String(await once(child.stderr, 'data'))).toBe('logged\n');
    let received = 0;
    for await (const line of createInterface(child.stdout)) {
      const parsed = JSON.parse(line) as { msg: string; lines?: number };
      if (parsed.msg === 'line') {
        received += 1;
      } else {
        expect(parsed.msg).toBe('log lines were dropped: nobody read them');
        expect(received + parsed.lines!).toBe(12_000);
        break;
      }
    }
    expect(received).toBeGreaterThan(1_000);
    child.kill();
    await ended;
  });

  it('costs lines, not the program, when its reader has gone', async () => {
    const { child, ended } = start(12_000, 'exit');
    child.stdout.destroy();
    child.stdin.write('go\n');
    expect(String(await once(child.stderr, 'data'))).toBe('logged\n');
    expect(await ended).toBe(0);
  });

  it('costs lines, not the program, when its reader goes away after it stalled', async () => {
    const { child, ended } = start(12_000, 'wait');
    child.stdout.pause();
    child.stdin.write('go\n');
    expect(String(await once(child.stderr, 'data'))).toBe('logged\n');
    child.stdout.destroy();
    child.stdin.write('go\n');
    expect(String(await once(child.stderr, 'data'))).toBe('logged\n');
    // Its standard input ends, and with it the last reason to stay up.
    child.stdin.end();
    expect(await ended).toBe(0);
  });

  it('does not hold up the exit for ever when nobody reads it', async () => {
    const { child, ended } = start(12_000, 'exit');
    child.stdout.pause();
    const exited = once(child, 'exit');
    child.stdin.write('go\n');
    expect(await exited).toEqual([0, null]);
    child.stdout.resume();
    await ended;
  });
});
