import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(__dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'reference-docs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function check(...files: readonly string[]): { code: number | null; said: string } {
  const script = join(__dirname, 'reference-docs.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, '--check', ...files], {
    encoding: 'utf8',
  });
  return { code: status, said: stdout + stderr };
}

/** A copy of the document in which each line that has the word is replaced. */
function copyWith(document: string, word: string, replace: (line: string) => string): string {
  const lines = readFileSync(join(root, document), 'utf8').split('\n');
  const changed = lines.map((line) => (line.includes(word) ? replace(line) : line));
  expect(changed).not.toEqual(lines);
  const copy = join(folder, 'copy.md');
  writeFileSync(copy, changed.join('\n'));
  return copy;
}

describe('the tables and examples in the documents', () => {
  it('say what the code and the example files say', () => {
    expect(check()).toEqual({ code: 0, said: expect.not.stringContaining('out of date') });
  });

  const row = (name: string) => `| \`${name}\``;
  it.each([
    ['a variable that is missing', 'docs/configuration.md', row('WORKER_LEASE_MS'), () => ''],
    [
      'a variable that no program reads',
      'docs/configuration.md',
      row('WORKER_LEASE_MS'),
      (line: string) => `${line}\n${line.replace('WORKER_LEASE_MS', 'WORKER_LEAVE_MS')}`,
    ],
    [
      'another default, in the README',
      'README.md',
      row('COLLECTOR_PORT'),
      (line: string) => line.replace('50051', '50052'),
    ],
    [
      'another meaning of a field of the contract',
      'docs/api.md',
      row('batch_id'),
      (line: string) => line.replace('15 minutes', '16 minutes'),
    ],
    ['a method that is missing', 'docs/api.md', '/event.EventService/PublishEvents`', () => ''],
    ['an option that is missing', 'docs/configuration.md', '`--rate N`', () => ''],
    [
      'another meaning of a metric',
      'docs/metrics.md',
      row('pipeline_queue_bytes'),
      (line: string) => line.replace('Bytes', 'Bits'),
    ],
    [
      'an example that is not the file',
      'README.md',
      'permanent: true });',
      (line: string) => line.replace('true', 'false'),
    ],
  ])('are refused with %s', (_, document, word, replace) => {
    const copy = copyWith(document, word, replace);
    expect(check(copy)).toMatchObject({ code: 1, said: expect.stringContaining('out of date') });
  });
});
