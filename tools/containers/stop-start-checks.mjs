import { expectEqual } from './checks.mjs';
import { beginEmpty, queued, startProducer } from './load.mjs';
import { allProcessed, queueCounters } from './queue-counters.mjs';
import { eventually, outcomeOf } from './run-bounded.mjs';

const EVENTS = 40_000;
const PER_SECOND = 4_000;
const SERVICES = ['redis', 'collector', 'worker'];

/** Each service is stopped and started in an orderly way while a producer sends. */
export async function stopAndStartChecks(checks, project, record) {
  await checks.group('Stop and start under load', async () => {
    await beginEmpty(checks, project, record, { redis: 1, collector: 1, worker: 1 });
    for (const service of SERVICES) {
      await checks.check(
        `${project.line('stop', service)}, then start it: nothing is lost of ${EVENTS} events`,
        () => stopAndStart(project, record, service),
      );
    }
  });
}

async function stopAndStart(project, record, service) {
  record.clear();
  const before = await queueCounters(project);
  const producer = startProducer(project, EVENTS, PER_SECOND, 1);
  let sending = true;
  const over = () => (sending = false);
  producer.then(over, over);
  await queued(project, before.enqueued + EVENTS / 10);

  let stopMs;
  try {
    stopMs = await stop(project, service);
    expectEqual('the producer still sends', sending, true);
  } finally {
    await project.run(['start', service]);
    await project.healthy({ [service]: 1 });
  }

  const report = await producer;
  expectEqual('acknowledged', report.acknowledged, EVENTS);
  const after = await allProcessed(project);
  expectEqual('different events handled', record.distinct, EVENTS);
  const again = after.enqueued - before.enqueued - EVENTS;
  const seconds = (stopMs / 1_000).toFixed(1);
  return `stopped in ${seconds} s, ${report.resent} sent again, ${again} queued twice`;
}

/** Resolves with how long the stop took, once the others have noticed it. */
async function stop(project, service) {
  const started = Date.now();
  await project.run(['stop', service]);
  const stopMs = Date.now() - started;
  const [container] = await project.containers(service);
  expectEqual('exit code', container.State.ExitCode, 0);
  if (service === 'redis') {
    const [collector] = await project.containers('collector');
    await eventually('the collector says that it cannot work', async () => {
      const ready = ['exec', collector.Id, 'node', 'page.mjs', '/readyz'];
      return (await outcomeOf('docker', ready)).code !== 0;
    });
  }
  return stopMs;
}
