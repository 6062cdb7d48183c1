import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
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
const dockerfile = readFileSync(join(tools, '../Dockerfile'), 'utf8');
/** The lines of each service that is built here, by its name. */
const built = new Map(
  composeFile
    .split(/^ {2}(?=[a-z]+:$)/m)
    .filter((text) => text.includes('\n    build: '))
    .map((text) => [text.slice(0, text.indexOf(':')), text] as const),
);
const { programs } = JSON.parse(
  execFileSync(process.execPath, [join(tools, 'reference-docs.mjs'), '--facts'], {
    encoding: 'utf8',
  }),
) as Facts;
const variables = [...programs['collector']!, ...programs['worker']!];

/** Addresses and ports inside the containers: the image or the compose file decides. */
const FIXED = /^(REDIS_HOST|REDIS_PORT|(COLLECTOR|WORKER)_(HTTP_)?(HOST|PORT))$/;

/** The variables without a value, or with a default: those of the shell or of .env. */
const passedOn = [...composeFile.matchAll(/^ +([A-Z_]+):(?: \$\{[A-Z_]+:-.*\})?$/gm)]
  .map(([, name]) => name!)
  .filter((name) => name !== 'POSTGRES_PASSWORD' && !name.startsWith('GF_'));

describe('docker-compose.yml', () => {
  it('passes on every variable of collector and worker that is not fixed inside a container', () => {
    const wanted = variables.map(({ name }) => name).filter((name) => !FIXED.test(name));
    expect(wanted.length).toBeGreaterThan(20);
    expect([...new Set(passedOn)].sort()).toEqual([...new Set(wanted)].sort());
  });

  it('builds an image of its own for each program', () => {
    const names = ['collector', 'worker', 'producer', 'queue', 'doctor'];
    expect([...built.keys()]).toEqual(names);
    for (const [name, service] of built) {
      expect(service).toContain(`build: { context: ., target: ${name} }`);
      expect(dockerfile).toMatch(new RegExp(`^FROM program AS ${name}$`, 'm'));
    }
  });

  it('starts with "up" what goes on, and nothing that is run by hand', () => {
    for (const [name, service] of built) {
      const isByHand = !['collector', 'worker'].includes(name);
      expect(service.includes(`profiles: [${name}]`)).toBe(isByHand);
      expect(service).toContain(isByHand ? '<<: *program' : '<<: *server');
      // With depends_on, a run would change the servers to the settings of its own shell.
      if (isByHand) expect(service).not.toMatch(/^ {4}depends_on:/m);
    }
  });

  it('has queue command and doctor look where collector and worker do', () => {
    for (const name of ['collector', 'queue']) expect(built.get(name)).toContain('<<: *queue\n');
    for (const name of ['worker', 'doctor']) {
      expect(built.get(name)).toContain('<<: [*queue, *store]\n');
    }
    for (const name of ['queue', 'doctor']) {
      expect(built.get(name)).toContain(`CALLED_AS: docker-compose run --rm ${name}\n`);
    }
  });

  it('makes the database with the password that the worker is given', () => {
    const passwords = [...composeFile.matchAll(/\$\{POSTGRES_PASSWORD:-(\w+)\}/g)];
    expect(passwords.map(([, password]) => password)).toEqual(['pipeline', 'pipeline']);
  });

  it('gives collector and worker longer to stop than they take', () => {
    const [, seconds] = /^ +stop_grace_period: (\d+)s$/m.exec(composeFile) ?? [];
    const graces = variables.filter(({ name }) => name.endsWith('_SHUTDOWN_GRACE_MS'));
    expect(graces).toHaveLength(2);
    for (const grace of graces)
      expect(Number(seconds) * 1_000).toBeGreaterThan(Number(grace.default));
  });

  it('starts Prometheus and Grafana with the profile "monitoring" alone, for this machine alone', () => {
    const services = composeFile.split(/^ {2}(?=[a-z]+:$)/m);
    const monitoring = services.filter((text) => text.includes('profiles: [monitoring]'));
    expect(monitoring.map((text) => text.slice(0, text.indexOf(':')))).toEqual([
      'prometheus',
      'grafana',
    ]);
    for (const service of monitoring) {
      expect(service).toMatch(/^ {4}image: [a-z/]+:v?\d+\.\d+\.\d+$/m);
      expect(service).toMatch(/^ {6}- '\$\{[A-Z]+_PUBLISH:-127\.0\.0\.1:(\d+)\}:\1'$/m);
    }
  });

  it('lets Prometheus and Grafana read their files and not write them', () => {
    const mounts = [...composeFile.matchAll(/^ +- (\.\/deploy\/\S+?):(\S+)$/gm)];
    expect(mounts).toHaveLength(3);
    for (const [, from, to] of mounts) {
      expect(existsSync(join(tools, '..', from!))).toBe(true);
      expect(to).toMatch(/^\/etc\/\S+:ro$/);
    }
  });

  it('has Prometheus ask where collector and worker answer', () => {
    const prometheus = readFileSync(join(tools, '../deploy/prometheus/prometheus.yml'), 'utf8');
    for (const name of ['collector', 'worker']) {
      const port = programs[name]!.find((one) => one.name === `${name.toUpperCase()}_HTTP_PORT`);
      expect(prometheus).toContain(`names: [${name}], type: A, port: ${port?.default},`);
    }
  });
});
