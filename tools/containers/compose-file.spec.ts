import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Variable {
  readonly name: string;
  readonly default: string;
}

interface Facts {
  readonly programs: Readonly<Record<string, readonly Variable[]>>;
}

const tools = join(__dirname, '..');
const composeFile = readFileSync(join(tools, '../docker-compose.yml'), 'utf8');
const { programs } = JSON.parse(
  execFileSync(process.execPath, [join(tools, 'reference-docs.mjs'), '--facts'], {
    encoding: 'utf8',
  }),
) as Facts;
const variables = [...programs['collector']!, ...programs['worker']!];

/** Addresses and ports inside the containers: the image or the compose file decides. */
const FIXED = /^(REDIS_HOST|REDIS_PORT|(COLLECTOR|WORKER)_(HTTP_)?(HOST|PORT))$/;

/** Those of the shell or of .env: without a value, or with a default of the file's own. */
const passedOn = [...composeFile.matchAll(/^ +([A-Z_]+):(?: \$\{\1:-\w+\})?$/gm)].map(([, name]) => name!);

describe('docker-compose.yml', () => {
  it('passes on every variable of collector and worker that is not fixed inside a container', () => {
    const wanted = variables.map(({ name }) => name).filter((name) => !FIXED.test(name));
    expect(wanted.length).toBeGreaterThan(20);
    expect([...new Set(passedOn)].sort()).toEqual([...new Set(wanted)].sort());
  });

  it('gives collector and worker longer to stop than they take', () => {
    const [, seconds] = /^ +stop_grace_period: (\d+)s$/m.exec(composeFile) ?? [];
    const graces = variables.filter(({ name }) => name.endsWith('_SHUTDOWN_GRACE_MS'));
    expect(graces).toHaveLength(2);
    for (const grace of graces)
      expect(Number(seconds) * 1_000).toBeGreaterThan(Number(grace.default));
  });
});
