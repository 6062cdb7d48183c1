import { expectEqual } from './checks.mjs';
import { beginEmpty, queued, startProducer } from './load.mjs';
import { allProcessed, queueCounters } from './queue-counters.mjs';

const EVENTS = 100_000;
/** What a killed worker had in its hands is taken over after this long. */
const LEASE_MS = '5000';
const PER_SECOND = 10_000;
/** Each takes a collector by chance: so many that both are taken. */
const CONNECTIONS = 16;

/** Three workers, two collectors, and one of each killed while events stream in. */
export async function crashChecks(checks, project, record) {
  await checks.group('Three workers, two collectors: one of each is killed', async () => {
    const services = { redis: 1, collector: 2, worker: 3 };
    await beginEmpty(checks, project, record, services, { WORKER_LEASE_MS: LEASE_MS });
    const killed = {};
    let producer;

    await checks.need('both collectors take events', async () => {
      producer = startProducer(project, EVENTS, PER_SECOND, CONNECTIONS);
      await queued(project, EVENTS / 4);
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
      if (enqueued >= EVENTS) throw new Error('too late: everything was queued already');
      return `${enqueued} queued by then`;
    });
    await checks.check(`every one of ${EVENTS} events is acknowledged`, async () => {
      const { acknowledged, resent, seconds } = await producer;
      expectEqual('acknowledged', acknowledged, EVENTS);
      return `${seconds} s, ${resent} sent again`;
    });
    await checks.check('every event is processed: by the counters of the queue', async () => {
      const { enqueued, processed, expired_leases: expired = 0 } = await allProcessed(project);
      if (processed < EVENTS) throw new Error(`only ${processed} were processed`);
      return `enqueued ${enqueued} = processed ${processed}, ${expired} leases of the killed worker taken over`;
    });
    await checks.check('every event is processed: by their ids', async () => {
      expectEqual('different events handled', record.distinct, EVENTS);
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
