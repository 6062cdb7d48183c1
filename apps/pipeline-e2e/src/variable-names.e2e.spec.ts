import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '../../..');

/** Every variable of every program: a test of the document holds it to the code. */
const names = [
  ...readFileSync(join(ROOT, 'docs/configuration.md'), 'utf8').matchAll(/^\| `([A-Z][A-Z_]+)` /gm),
].map(([, name]) => name!);

it.each(['collector', 'worker'])(
  'no variable of another program is a misspelt one to the %s, where all share a file of them',
  (program) => {
    expect(names.length).toBeGreaterThan(50);
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [join(ROOT, 'dist/apps', program, 'main.js'), '--check-config'],
      // An empty value counts as unset.
      { env: Object.fromEntries(names.map((name) => [name, ''])), encoding: 'utf8' },
    );
    expect(stdout).toBe(`${program}: the configuration is valid\n`);
    expect(stderr).toBe('');
  },
);
