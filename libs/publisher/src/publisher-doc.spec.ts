import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PUBLISH_ERROR_CODES } from './publish-error';
import { OPTION_NUMBERS } from './publisher-options';

const text = readFileSync(join(__dirname, '../../../docs/publisher.md'), 'utf8');
const rows = (from: string, to: string) =>
  [...text.slice(text.indexOf(from), text.indexOf(to)).matchAll(/^\| `(\w+)`.*$/gm)].map(
    ([row, name = '']) => ({ name, cells: row.split('|').map((cell) => cell.trim()) }),
  );

describe('docs/publisher.md', () => {
  it('explains every error code, and no other', () => {
    const named = rows('## What becomes of an event', '## Room').map(({ name }) => name);
    expect(named.sort()).toEqual([...PUBLISH_ERROR_CODES].sort());
  });

  it('gives every number with its default and its limits', () => {
    const table = new Map(rows('## Options', '## What is not').map((row) => [row.name, row.cells]));
    for (const [name, { default: value, min, max }] of Object.entries(OPTION_NUMBERS)) {
      expect([name, ...(table.get(name)?.slice(2, 4) ?? [])]).toEqual([
        name,
        String(value),
        `${min} to ${max}`,
      ]);
    }
  });
});
