import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';

const root = join(__dirname, '..');
const text = (name: string) => readFileSync(join(root, name), 'utf8');
const json = <T>(name: string) => JSON.parse(text(name)) as T;

interface Launch {
  readonly configurations: readonly {
    readonly name: string;
    readonly program?: string;
    readonly preLaunchTask?: string;
  }[];
  readonly compounds: readonly { readonly configurations: readonly string[] }[];
}
interface Tasks {
  readonly tasks: readonly { readonly label: string; readonly command: string }[];
}
interface Project {
  readonly targets: Readonly<Record<string, unknown>>;
}
interface Updates {
  readonly updates: readonly {
    readonly 'package-ecosystem': string;
    readonly directory: string;
  }[];
}

const { configurations, compounds } = json<Launch>('.vscode/launch.json');
const { tasks } = json<Tasks>('.vscode/tasks.json');
const projectOf = (name: string) => json<Project>(`apps/${name}/project.json`);

describe('the settings for development', () => {
  it('start programs that the build task builds', () => {
    const build = tasks.find(({ label }) => label === 'build')!.command;
    const programs = configurations.flatMap(({ program = '' }) => {
      const [, name] = /^\$\{workspaceFolder\}\/dist\/apps\/(.+)\/main\.js$/.exec(program) ?? [];
      return name ?? [];
    });
    expect(programs).toEqual(['collector', 'worker', 'producer']);
    for (const name of programs) {
      expect(projectOf(name).targets['build']).toBeDefined();
      expect(build.split(' ').at(-1)!.split(',')).toContain(name);
    }
    const labels = tasks.map(({ label }) => label);
    for (const { preLaunchTask } of configurations)
      if (preLaunchTask !== undefined) expect(labels).toContain(preLaunchTask);
    const names = configurations.map(({ name }) => name);
    for (const name of compounds.flatMap((compound) => compound.configurations))
      expect(names).toContain(name);
  });

  it('serve collector and worker, with reload', () => {
    for (const name of ['collector', 'worker'])
      expect(projectOf(name).targets['serve']).toBeDefined();
    const { targetDefaults } = json<{ targetDefaults: Record<string, { options?: object }> }>(
      'nx.json',
    );
    expect(targetDefaults['serve']!.options).toMatchObject({ watch: true });
  });

  it('forward the ports of the programs out of the dev container', () => {
    const { forwardPorts } = json<{ forwardPorts: number[] }>('.devcontainer/devcontainer.json');
    expect(forwardPorts).toEqual([50_051, 9_101, 9_102]);
  });

  it('update what there is to update', () => {
    const [{ updates }] = loadAll(text('.github/dependabot.yml')) as [Updates];
    const files: Readonly<Record<string, string>> = {
      npm: 'package.json',
      docker: 'Dockerfile',
      'github-actions': '.github/workflows/ci.yml',
      gomod: 'go.mod',
      pip: 'requirements.txt',
      maven: 'pom.xml',
    };
    expect(new Set(updates.map((update) => update['package-ecosystem']))).toEqual(
      new Set(Object.keys(files)),
    );
    for (const { 'package-ecosystem': ecosystem, directory } of updates)
      expect(existsSync(join(root, directory, files[ecosystem]!))).toBe(true);
  });

  it('have pull requests test what they affect', () => {
    expect(text('.github/workflows/ci.yml')).toMatch(/nx affected -t lint typecheck test build/);
  });
});
