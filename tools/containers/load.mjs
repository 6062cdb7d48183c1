import { queueCounters } from './queue-counters.mjs';
import { eventually } from './run-bounded.mjs';

const RECORDING = 'tools/containers/recording.yml';

/** Starts the services with recording handlers, on a queue and a record without anything in them. */
export async function beginEmpty(checks, project, record, services, variables = {}) {
  const scale = Object.entries(services).flatMap(([name, count]) => [
    '--scale',
    `${name}=${count}`,
  ]);
  await checks.need(project.line('up', '-d', ...scale.slice(2)), async () => {
    await project.run(['down', '--volumes']);
    record.clear();
    project.set({ ...record.variables, ...variables }, RECORDING);
    await project.run(['up', '-d', ...scale.slice(2)]);
    await project.healthy(services);
  });
}

/** Resolves with the producer's own report when it has ended. */
export function startProducer(project, count, rate, connections) {
  const options = { count, rate, connections };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const report = project
    .outcome(['run', '--rm', 'producer', '--json', ...args])
    .then(({ stdout, stderr }) => {
      const json = stdout.slice(stdout.indexOf('{'));
      if (!json.startsWith('{')) throw new Error(`the producer reported nothing:\n${stderr}`);
      return JSON.parse(json);
    });
  // Awaited later, or never where a check before has failed.
  report.catch(() => undefined);
  return report;
}

/** Waits until so many events have been queued. */
export function queued(project, count) {
  return eventually(
    `${count} events queued`,
    async () => (await queueCounters(project)).enqueued >= count,
  );
}
