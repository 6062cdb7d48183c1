import { expectEqual } from './checks.mjs';
import { eventually } from './run-bounded.mjs';

/** Of the profile `monitoring`: Prometheus finds collector and worker by itself, and takes its rules. */
export async function monitoringChecks(checks, project) {
  await checks.group('Monitoring', async () => {
    await checks.check('neither Prometheus nor Grafana was started with the others', async () => {
      for (const service of ['prometheus', 'grafana']) {
        expectEqual(service, (await project.containers(service)).length, 0);
      }
    });
    await checks.need(project.line('up', '-d', 'prometheus'), () =>
      project.run(['up', '-d', 'prometheus']).then(() => undefined),
    );
    await checks.check('it scrapes collector and worker, and reads the queue through both', () =>
      eventually('both answer', async () => {
        const { result = [] } = await ask(project, 'query?query=pipeline_queue_sampled');
        const sampled = result.filter(({ value }) => value[1] === '1');
        const jobs = sampled.map(({ metric }) => metric.job).sort();
        return jobs.join() === 'collector,worker';
      }),
    );
    await checks.check('it evaluates every rule', async () => {
      await eventually('all are evaluated', async () => {
        const { groups = [] } = await ask(project, 'rules');
        const rules = groups.flatMap((group) => group.rules);
        return rules.length > 15 && rules.every(({ health }) => health === 'ok');
      });
    });
    await project.run(['rm', '--stop', '--force', 'prometheus']);
  });
}

/** Nothing where it does not answer yet. */
async function ask(project, what) {
  const [container] = await project.containers('prometheus');
  const [{ HostPort: port }] = container.NetworkSettings.Ports['9090/tcp'];
  try {
    const response = await globalThis.fetch(`http://127.0.0.1:${port}/api/v1/${what}`);
    const { data } = await response.json();
    return data ?? {};
  } catch {
    return {};
  }
}
