import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';

interface Container {
  readonly name: string;
  readonly image: string;
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly env?: readonly {
    readonly name: string;
    readonly valueFrom?: {
      readonly secretKeyRef?: { readonly name: string; readonly key: string };
    };
  }[];
  readonly envFrom?: readonly { readonly configMapRef: { readonly name: string } }[];
  readonly securityContext?: unknown;
  readonly resources?: { readonly limits?: { readonly memory?: string } };
  readonly [probe: string]: unknown;
}

interface Pods {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: {
    readonly containers: readonly Container[];
    readonly securityContext?: unknown;
    readonly automountServiceAccountToken?: boolean;
    readonly terminationGracePeriodSeconds?: number;
  };
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name?: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec: Readonly<Record<string, unknown>> & {
    readonly template?: Pods;
    readonly selector?: Readonly<Record<string, unknown>>;
  };
}

interface Generator {
  readonly name: string;
  readonly literals: readonly string[];
}

interface Kustomization {
  readonly resources: readonly string[];
  readonly configMapGenerator?: readonly Generator[];
  readonly secretGenerator?: readonly Generator[];
}

interface Variable {
  readonly name: string;
  readonly default: string;
}

const workspace = join(__dirname, '../..');
const folder = join(workspace, 'deploy/kubernetes');
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.yaml'))
  .sort();
const read = (name: string) => loadAll(readFileSync(join(folder, name), 'utf8'));
const isConfiguration = (name: string) => /kustomization|prometheus-adapter/.test(name);
const manifests = files.filter((name) => !isConfiguration(name)).flatMap(read) as Manifest[];
const base = read('base/kustomization.yaml')[0] as Kustomization;
const example = read('example/kustomization.yaml')[0] as Kustomization;
const { programs, metrics } = JSON.parse(
  execFileSync(process.execPath, [join(workspace, 'tools/reference-docs.mjs'), '--facts'], {
    encoding: 'utf8',
  }),
) as {
  readonly programs: Readonly<Record<string, readonly Variable[]>>;
  readonly metrics: unknown;
};

const named = (kind: string, name: string): Manifest => {
  const found = manifests.find((each) => each.kind === kind && each.metadata.name === name);
  if (!found) throw new Error(`there is no ${kind} ${name}`);
  return found;
};
const podsOf = ({ spec }: Manifest): Pods => spec.template!;
const withPods = manifests.filter(({ spec }) => spec?.template !== undefined);
const OWN = ['collector', 'worker'] as const;
const HTTP_PORT = { collector: 9_101, worker: 9_102 };

describe('the manifests for Kubernetes', () => {
  it('are all there', () => {
    const kinds = new Set(manifests.map(({ kind }) => kind));
    for (const kind of ['Deployment', 'Job', 'Service', 'PodDisruptionBudget', 'NetworkPolicy'])
      expect(kinds).toContain(kind);
    for (const name of OWN) named('Deployment', name);
    const inBase = files.filter((name) => name.startsWith('base/') && !isConfiguration(name));
    expect([...base.resources].sort()).toEqual(inBase.map((name) => name.slice('base/'.length)));
  });

  it.each(OWN)('name only variables that %s reads', (name) => {
    const [container] = podsOf(named('Deployment', name)).spec.containers;
    const known = programs[name]!.map((variable) => variable.name);
    const literals = container!.envFrom!.flatMap(({ configMapRef }) => {
      const map = base.configMapGenerator!.find((each) => each.name === configMapRef.name);
      return map!.literals.map((literal) => literal.split('=')[0]!);
    });
    const used = [...literals, ...container!.env!.map((variable) => variable.name)];
    expect(used).toContain('QUEUE_URL');
    for (const variable of used) expect(known).toContain(variable);
  });

  it('take from the secret only what the example puts into it', () => {
    const [secret] = example.secretGenerator!;
    const keys = secret!.literals.map((literal) => literal.split('=')[0]);
    for (const name of OWN) {
      for (const { valueFrom } of podsOf(named('Deployment', name)).spec.containers[0]!.env!) {
        expect(valueFrom!.secretKeyRef!.name).toBe(secret!.name);
        expect(keys).toContain(valueFrom!.secretKeyRef!.key);
      }
    }
  });

  it.each(OWN)('ask the HTTP port of %s what the pages are for', (name) => {
    const [container] = podsOf(named('Deployment', name)).spec.containers;
    expect(container!.ports).toContainEqual({ name: 'http', containerPort: HTTP_PORT[name] });
    const paths = ['startupProbe', 'livenessProbe', 'readinessProbe'].map(
      (probe) => (container![probe] as { httpGet: object }).httpGet,
    );
    const page = (path: string) => ({ path, port: 'http' });
    expect(paths).toEqual([page('/livez'), page('/livez'), page('/readyz')]);
    const annotations = (podsOf(named('Deployment', name)).metadata as { annotations?: object })
      .annotations;
    expect(annotations).toMatchObject({ 'prometheus.io/port': String(HTTP_PORT[name]) });
  });

  it('run everything without rights, on a root that cannot be written, within a memory limit', () => {
    expect(withPods).toHaveLength(4);
    for (const { spec } of withPods.map(podsOf)) {
      expect(spec.securityContext).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(spec.automountServiceAccountToken).toBe(false);
      for (const { securityContext, resources } of spec.containers) {
        expect(securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        expect(resources!.limits!.memory).toBeDefined();
      }
    }
  });

  it('give collector and worker longer to stop than they take', () => {
    for (const name of OWN) {
      const seconds = podsOf(named('Deployment', name)).spec.terminationGracePeriodSeconds!;
      const grace = programs[name]!.find((each) => each.name.endsWith('_SHUTDOWN_GRACE_MS'))!;
      expect(seconds * 1_000).toBeGreaterThan(Number(grace.default) + 5_000);
    }
  });

  it('use images that the Dockerfile makes', () => {
    const dockerfile = readFileSync(join(workspace, 'Dockerfile'), 'utf8');
    for (const { spec } of withPods.map(podsOf)) {
      const [, target] = /^event-pipeline-(\w+)$/.exec(spec.containers[0]!.image) ?? [];
      if (target !== undefined) expect(dockerfile).toContain(`FROM program AS ${target}\n`);
    }
  });

  it('have a service with an address for each collector, and one for all', () => {
    expect(named('Service', 'collector-pods').spec['clusterIP']).toBe('None');
    expect(named('Service', 'collector').spec['clusterIP']).toBeUndefined();
    for (const name of ['collector', 'collector-pods']) {
      const { spec } = named('Service', name);
      expect(spec['ports']).toMatchObject([{ port: 50_051, targetPort: 'grpc' }]);
      const { labels } = podsOf(named('Deployment', 'collector')).metadata;
      expect(labels).toMatchObject(spec.selector!);
    }
  });

  it('scale workers by a metric that exists, and leave their number to that', () => {
    const text = JSON.stringify(named('HorizontalPodAutoscaler', 'worker'));
    const [adapter] = read('prometheus-adapter.yaml') as [
      { rules: { external: [{ seriesQuery: string; name: { as: string } }] } },
    ];
    const [rule] = adapter.rules.external;
    expect(text).toContain(`"name":"${rule.name.as}"`);
    expect(JSON.stringify(metrics)).toContain(`"${rule.seriesQuery}"`);
    expect(named('Deployment', 'worker').spec['replicas']).toBeUndefined();
  });

  it('let in who sends events, as the producer says of itself', () => {
    const policy = JSON.stringify(named('NetworkPolicy', 'collector').spec['ingress']);
    expect(policy).toContain('"event-pipeline/sends-events":"true"');
    const job = manifests.find(({ kind }) => kind === 'Job')!;
    expect(podsOf(job).metadata.labels).toMatchObject({ 'event-pipeline/sends-events': 'true' });
  });

  const kubectl = spawnSync('kubectl', ['version', '--client'], { encoding: 'utf8' });
  const ifThere = kubectl.status === 0 ? it : it.skip;
  ifThere('are built by "kubectl kustomize"', () => {
    const text = execFileSync('kubectl', ['kustomize', join(folder, 'example')], {
      encoding: 'utf8',
    });
    const all = (loadAll(text) as Manifest[]).filter(({ kind }) => kind !== 'Namespace');
    const namespaces = new Set(
      all.map(({ metadata }) => (metadata as { namespace?: string }).namespace),
    );
    expect([...namespaces]).toEqual(['event-pipeline']);
    const kinds = all.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'Deployment')).toHaveLength(2);
    expect(kinds.filter((kind) => kind === 'ConfigMap')).toHaveLength(3);
    // The names with a hash of their content, so that a change starts new pods.
    const maps = all
      .filter(({ kind }) => kind === 'ConfigMap')
      .map(({ metadata }) => metadata.name);
    for (const name of maps) expect(text).toContain(`name: ${name}`);
    expect(maps.every((name) => /^\w+-\w{10}$/.test(name!))).toBe(true);
  });
});
