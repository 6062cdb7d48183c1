import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

interface Project {
  readonly name: string;
  readonly tags?: readonly string[];
  readonly targets?: Readonly<Record<string, unknown>>;
}

const root = join(__dirname, '..');
const folders = ['apps', 'libs']
  .flatMap((parent) => readdirSync(join(root, parent)).map((name) => `${parent}/${name}`))
  .concat('bench', 'tools');

describe.each(folders)('the project in %s', (folder) => {
  const project = JSON.parse(readFileSync(join(root, folder, 'project.json'), 'utf8')) as Project;
  const targets = Object.keys(project.targets ?? {});

  it('bears the name of its folder', () => {
    expect(project.name).toBe(folder.split('/').at(-1));
  });

  it('has exactly one layer, so exactly one rule says what it may import', () => {
    const layers = (project.tags ?? []).filter((tag) => tag.startsWith('layer:'));
    expect(layers).toHaveLength(1);
    const known = readFileSync(join(root, 'eslint.config.mjs'), 'utf8');
    expect(known).toContain(`sourceTag: '${layers[0]}'`);
  });

  it('can be tested, linted and type-checked, and built where there is something to build', () => {
    expect(targets).toEqual(expect.arrayContaining(['test', 'lint', 'typecheck']));
    if (existsSync(join(root, folder, 'src/main.ts'))) expect(targets).toContain('build');
    expect(existsSync(join(root, folder, 'jest.config.cjs'))).toBe(true);
    expect(existsSync(join(root, folder, 'tsconfig.json'))).toBe(true);
  });
});
