import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** A finding of lint, as tools/lint-fixtures.mjs prints it. */
interface Finding {
  readonly rule: string;
  readonly problem: string;
}

const folder = join(__dirname, 'boundary-fixtures');
const fixtures = readdirSync(folder).map((name) => {
  const [, expected] = readFileSync(join(folder, name), 'utf8').split('\n');
  return { name, expected: expected?.replace('// refused by: ', '') ?? '' };
});

describe('lint', () => {
  let found: Record<string, readonly Finding[]>;
  beforeAll(() => {
    const script = join(__dirname, 'lint-fixtures.mjs');
    found = JSON.parse(
      execFileSync(process.execPath, [script], { encoding: 'utf8' }),
    ) as typeof found;
  }, 120_000);

  it.each(fixtures)('answers $name with: $expected', ({ name, expected }) => {
    const answers = found[name]?.map(({ rule, problem }) => `${rule} ${problem}`);
    expect(answers).toEqual(expected === 'nothing' ? [] : [expected]);
  });

  it('is tried on what it refuses and on what it lets pass', () => {
    const allowed = fixtures.filter(({ expected }) => expected === 'nothing').length;
    expect(allowed).toBeGreaterThan(0);
    expect(fixtures.length - allowed).toBeGreaterThan(0);
  });
});
