import { expectEqual } from './checks.mjs';
import { allProcessed, queueCounters } from './queue-counters.mjs';
import { eventually } from './run-bounded.mjs';

const EVENTS = 20_000;
const PER_SECOND = 4_000;
const SERVICES = ['redis', 'collector', 'worker'];

/** Each service is stopped and started in an orderly way while a producer sends. */
export async function stopAndStartChecks(checks, project, record) {
  await checks.group('Stop and start under load', async () => {
    await begin(checks, project, record, { redis: 1, collector: 1, worker: 1 });
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
  await sent(project, before.enqueued + EVENTS / 4);

  const stopping = Date.now();
  await project.run(['stop', service]);
  const stopMs = Date.now() - stopping;
  const [container] = await project.containers(service);
  expectEqual('exit code', container.State.ExitCode, 0);
  if (service === 'redis') {
    await eventually('the collector says that it cannot work', async () => {
      const { code } = await project.outcome(['exec', 'collector', 'node', 'page.mjs', '/readyz']);
      return code !== 0;
    });
  }
  await project.run(['start', service]);
  await project.healthy({ [service]: 1 });

  const report = await producer;
  expectEqual('acknowledged', report.acknowledged, EVENTS);
  const after = await allProcessed(project);
  expectEqual('different events handled', record.distinct, EVENTS);
  const again = after.enqueued - before.enqueued - EVENTS;
  return `stopped in ${(stopMs / 1_000).toFixed(1)} s, ${report.resent} sent again, ${again} queued twice`;
}

const CRASH_EVENTS = 100_000;
const CRASH_PER_SECOND = 10_000;

/** Three workers, two collectors, and one of each killed while events stream in. */
export async function crashChecks(checks, project, record) {
  await checks.group('Three workers, two collectors: one of each is killed', async () => {
    project.set({ ...record.variables, WORKER_LEASE_MS: '5000' }, ...RECORDING);
    await begin(checks, project, record, { redis: 1, collector: 2, worker: 3 });
    const killed = {};
    let producer;

    await checks.need('both collectors take events', async () => {
      producer = startProducer(project, CRASH_EVENTS, CRASH_PER_SECOND, 8);
      await sent(project, CRASH_EVENTS / 4);
      const received = await receivedByCollector(project);
      expectEqual(
        'collectors that take events',
        received.filter(({ events }) => events > 0).length,
        2,
      );
      killed.collector = received[0].id;
      return received.map(({ events }) => events).join(' and ');
    });
    await checks.need('docker kill of a collector and a worker, in the middle', async () => {
      const [worker] = await workersByLoad(project, record);
      killed.worker = worker;
      await project.docker('kill', killed.collector, killed.worker);
      const { enqueued } = await queueCounters(project);
      if (enqueued >= CRASH_EVENTS) throw new Error('too late: everything was queued already');
      return `${enqueued} queued by then`;
    });
    await checks.check(`every one of ${CRASH_EVENTS} events is acknowledged`, async () => {
      const { acknowledged, resent, seconds } = await producer;
      expectEqual('acknowledged', acknowledged, CRASH_EVENTS);
      return `${seconds} s, ${resent} sent again`;
    });
    await checks.check('every event is processed: by the counters of the queue', async () => {
      const { enqueued, processed, expired_leases: expired = 0 } = await allProcessed(project);
      if (processed < CRASH_EVENTS) throw new Error(`only ${processed} were processed`);
      return `enqueued ${enqueued} = processed ${processed}, ${expired} leases of the killed worker taken over`;
    });
    await checks.check('every event is processed: by their ids', async () => {
      expectEqual('different events handled', record.distinct, CRASH_EVENTS);
      return [...record.byContainer.values()].map((ids) => ids.length).join(' + ');
    });
    await checks.check('what was killed stayed so', async () => {
      for (const service of ['collector', 'worker']) {
        const found = await project.containers(service);
        const down = found.filter(({ State }) => !State.Running);
        expectEqual(
          service,
          down.map(({ Id }) => Id),
          [killed[service]],
        );
        expectEqual('exit code', down[0].State.ExitCode, 137);
      }
    });
  });
}

const RECORDING = ['tools/containers/recording.yml'];

/** A queue and a record without anything in them. */
async function begin(checks, project, record, services) {
  const scale = Object.entries(services).flatMap(([name, count]) => [
    '--scale',
    `${name}=${count}`,
  ]);
  await checks.need(project.line('up', '-d', ...scale.slice(2)), async () => {
    await project.run(['down', '--volumes']);
    record.clear();
    project.set(record.variables, ...RECORDING);
    await project.run(['up', '-d', ...scale.slice(2)]);
    await project.healthy(services);
  });
}

/** Resolves with the producer's own report when it has ended. */
async function startProducer(project, count, rate, connections) {
  const options = { count, rate, connections };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const { stdout } = await project.outcome(['run', '--rm', 'producer', '--json', ...args]);
  const json = stdout.slice(stdout.indexOf('{'));
  return JSON.parse(json);
}

/** Waits until so many events have been queued. */
function sent(project, count) {
  return eventually(
    `${count} events queued`,
    async () => (await queueCounters(project)).enqueued >= count,
  );
}

/** The collectors by what they have received, most first. */
async function receivedByCollector(project) {
  const containers = await project.containers('collector');
  const received = await Promise.all(
    containers.map(async ({ Id: id }) => {
      const page = await project.docker('exec', id, 'node', 'page.mjs', '/metrics');
      const [, events = '0'] = /^pipeline_events_received_total (\d+)/m.exec(page) ?? [];
      return { id, events: Number(events) };
    }),
  );
  return received.sort((a, b) => b.events - a.events);
}

/** The workers by what they have handled, most first. */
async function workersByLoad(project, record) {
  const handled = record.byContainer;
  const load = ({ Config }) => handled.get(Config.Hostname)?.length ?? 0;
  const containers = await project.containers('worker');
  return containers.sort((a, b) => load(b) - load(a)).map(({ Id }) => Id);
}
