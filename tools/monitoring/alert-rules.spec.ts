import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { namedMetrics, unknownMetrics } from './named-metrics';
import { promtool } from './promtool';

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: { readonly severity?: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

interface RuleFile {
  readonly groups: readonly { readonly rules: readonly Rule[] }[];
}

interface TestFile {
  readonly tests: readonly {
    readonly alert_rule_test?: readonly {
      readonly alertname: string;
      readonly exp_alerts: readonly unknown[];
    }[];
  }[];
}

const root = join(__dirname, '../..');
const folder = join(root, 'deploy/prometheus');
const [ruleFile] = loadAll(readFileSync(join(folder, 'rules/pipeline.yml'), 'utf8')) as [RuleFile];
const rules = ruleFile.groups.flatMap((group) => group.rules);
const alerts = rules.filter(({ alert }) => alert !== undefined);
const runbook = readFileSync(join(root, 'docs/runbook.md'), 'utf8');
const sections = [...runbook.matchAll(/^## (Pipeline\w+)\n([^]*?)(?=^## |$(?![^]))/gm)];

describe('the alert rules', () => {
  it('and the configuration of Prometheus are what promtool takes', () => {
    const rulesFile = join(folder, 'rules/pipeline.yml');
    expect(promtool('check', 'rules', rulesFile)).toMatchObject({ ok: true });
    const configuration = join(folder, 'prometheus.yml');
    expect(promtool('check', 'config', configuration)).toMatchObject({ ok: true });
  });

  it('fire when they should and keep still when they should', () => {
    const { ok, said } = promtool('test', 'rules', join(folder, 'tests/pipeline.test.yml'));
    expect({ ok, said: ok || said }).toEqual({ ok: true, said: true });
  });

  it('are each seen by their tests to fire and to keep still', () => {
    const [file] = loadAll(readFileSync(join(folder, 'tests/pipeline.test.yml'), 'utf8')) as [
      TestFile,
    ];
    const checks = file.tests.flatMap(({ alert_rule_test: checks = [] }) => checks);
    const seen = (fires: boolean) =>
      new Set(
        checks
          .filter(({ exp_alerts: expected }) => expected.length > 0 === fires)
          .map(({ alertname }) => alertname),
      );
    const names = alerts.map(({ alert }) => alert).sort();
    expect([...seen(true)].sort()).toEqual(names);
    expect([...seen(false)].sort()).toEqual(names);
  });

  it('ask for metrics that there are', () => {
    expect(rules.flatMap(({ expr }) => namedMetrics(expr)).length).toBeGreaterThan(15);
    const recorded = rules.flatMap(({ record }) => record ?? []);
    expect(rules.flatMap(({ expr }) => unknownMetrics(expr, recorded))).toEqual([]);
  });

  it('say how grave they are, what has happened, and where the runbook is', () => {
    expect(alerts.length).toBeGreaterThan(10);
    for (const { alert = '', labels, annotations } of alerts) {
      expect(labels?.severity).toMatch(/^(critical|warning)$/);
      expect(annotations).toEqual({
        summary: expect.stringMatching(/\w/),
        description: expect.stringMatching(/\.$/),
        runbook_url: `docs/runbook.md#${alert.toLowerCase()}`,
      });
    }
  });
});

describe('the runbook', () => {
  it('has a section for each alert, and for nothing else', () => {
    const wanted = alerts.map(({ alert }) => alert);
    expect(sections.map(([, name]) => name).sort()).toEqual([...wanted].sort());
  });

  it('says in each what to look at and what to do', () => {
    for (const [, name, text = ''] of sections) {
      const isTable = name === 'PipelineQueueRefuses';
      const wanted = isTable
        ? [/\| Do /, /`QUEUE_FULL`/]
        : [/^- \*\*Look at\*\*: /m, /^- \*\*Do\*\*: /m];
      for (const part of wanted) expect(text).toMatch(part);
    }
  });
});
