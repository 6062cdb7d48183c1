import { connect } from 'node:net';
import { expectEqual, expectMatch } from './checks.mjs';
import { allProcessed, queueCounters } from './queue-counters.mjs';
import { eventually } from './run-bounded.mjs';

const BUILD_LIMIT_MS = 900_000;

/** What the README tells a newcomer to type, in its order. */
export async function quickStartChecks(checks, project) {
  const line = (...args) => project.line(...args);

  await checks.need(line('up', '--build', '-d'), () =>
    project.run(['up', '--build', '-d'], { limitMs: BUILD_LIMIT_MS }).then(() => undefined),
  );
  await checks.need('redis, postgres, collector and worker become healthy', () =>
    project.healthy({ redis: 1, postgres: 1, collector: 1, worker: 1 }),
  );
  await checks.check('the producer is not started with the others', async () =>
    expectEqual('containers', (await project.containers('producer')).length, 0),
  );
  await checks.check(line('logs', '-f'), async () => {
    await project.run(['logs', '-f'], {
      until: (text) =>
        /Ready to accept connections/i.test(text) &&
        /Collector server running on port 50051/.test(text) &&
        /Waiting for events from the queue/.test(text),
    });
  });
  await checks.need(line('run', '--rm', 'producer'), async () => {
    const { stdout } = await project.run(['run', '--rm', 'producer'], { limitMs: BUILD_LIMIT_MS });
    expectMatch('output', stdout, /Starting to stream 10,000 events/);
    expectMatch('output', stdout, /Finished streaming events. Server response: { success: true }/);
    expectMatch('output', stdout, /acknowledged +10,000\n/);
    return /events\/s +[\d,]+/.exec(stdout)?.[0];
  });
  await checks.check('every event that was sent is processed', async () => {
    const { enqueued } = await allProcessed(project);
    expectEqual('enqueued', enqueued, 10_000);
  });
  await checks.check('every event that was sent is stored once', async () =>
    expectEqual(
      'rows',
      await project.exec(
        ...['postgres', 'psql', '-U', 'pipeline', '-At', 'events'],
        ...['-c', 'select count(*) from events'],
      ),
      '10000',
    ),
  );
  await checks.check(line('exec', 'redis', 'redis-cli', 'LLEN', 'event_queue'), async () =>
    expectEqual('LLEN', await project.exec('redis', 'redis-cli', 'LLEN', 'event_queue'), '0'),
  );
  await checks.check(line('logs', '-f', 'worker'), async () => {
    await project.run(['logs', '-f', 'worker'], {
      until: (text) => /processed a lease/.test(text),
    });
  });
  await checks.check(line('logs', '-f', 'collector', 'worker'), async () => {
    const both = (text) => /collector/.test(text) && /processed a lease/.test(text);
    await project.run(['logs', '-f', 'collector', 'worker'], { until: both });
  });
  await checks.check(line('ps'), async () => {
    const { stdout } = await project.run(['ps']);
    for (const service of ['collector', 'postgres', 'redis', 'worker']) {
      expectMatch('output', stdout, new RegExp(`${service}.1 .*Up .*healthy`));
    }
    expectMatch('output', stdout, /127\.0\.0\.1:\d+->50051\/tcp/);
  });
  await checks.check('the published port answers on this machine', () => publishedPort(project));
  await checks.check(line('run', '--rm', 'producer', '--count', '1234'), async () => {
    const { stdout } = await project.run(['run', '--rm', 'producer', '--count', '1234']);
    expectMatch('output', stdout, /acknowledged +1,234\n/);
    const { enqueued } = await allProcessed(project);
    expectEqual('enqueued', enqueued, 11_234);
  });
  await checks.check(line('run', '--rm', 'queue', 'depth', '--json'), async () => {
    const { stdout } = await project.run(['run', '--rm', 'queue', 'depth', '--json'], {
      limitMs: BUILD_LIMIT_MS,
    });
    const { total } = JSON.parse(stdout.slice(stdout.lastIndexOf('{"queue"')));
    expectEqual('enqueued', total.enqueued, 11_234);
  });
  await checks.check('the queue command calls itself what was typed', async () => {
    const { stdout } = await project.run(['run', '--rm', 'queue', '--help']);
    expectMatch('output', stdout, /Usage: docker-compose run --rm queue COMMAND/);
  });
  await checks.check(line('run', '--rm', 'doctor'), async () => {
    const { stdout } = await project.run(['run', '--rm', 'doctor'], { limitMs: BUILD_LIMIT_MS });
    expectMatch('output', stdout, /Queue: redis:6379/);
    expectMatch('output', stdout, /No problem|All is right/);
  });
  await checks.check('what an operator runs by hand is not started with the others', async () => {
    for (const service of ['queue', 'doctor'])
      expectEqual(service, (await project.containers(service)).length, 0);
  });
  await checks.check(line('exec', 'collector', 'node', 'page.mjs', '/readyz'), async () => {
    const page = await project.exec('collector', 'node', 'page.mjs', '/readyz');
    const { ready, reason, durability } = JSON.parse(page);
    expectEqual(
      'answer',
      { ready, reason, durability },
      { ready: true, reason: 'ok', durability: 'disk' },
    );
  });
  await checks.check(line('exec', 'worker', 'sh'), async () =>
    expectEqual('output', await project.exec('worker', 'sh', '-c', 'echo here'), 'here'),
  );
  await checks.check(line('restart', 'worker'), async () => {
    await project.run(['restart', 'worker']);
    await project.healthy({ worker: 1 });
  });
  await checks.check(line('up', '-d', '--scale', 'worker=3'), async () => {
    await project.run(['up', '-d', '--scale', 'worker=3']);
    await project.healthy({ worker: 3 });
  });
  await checks.check('WORKER_HANDLERS and LOG_LEVEL reach the worker', () => ownHandlers(project));
  await checks.check(`what waits outlives "${line('down')}"`, () => dataIsKept(project));
}

async function publishedPort(project) {
  const { stdout } = await project.run(['port', 'collector', '50051']);
  const [, host, port] = /^(.+):(\d+)\s*$/.exec(stdout) ?? [];
  expectEqual('published on', host, '127.0.0.1');
  await new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port) }, () => resolve(socket.end()));
    socket.setTimeout(5_000, () => reject(new Error('no answer')));
    socket.on('error', reject);
  });
}

async function ownHandlers(project) {
  project.set({ WORKER_HANDLERS: '/handlers/my-handlers.js', LOG_LEVEL: 'debug' });
  await project.run(['up', '-d', '--scale', 'worker=1']);
  await project.run(['run', '--rm', 'producer', '--count', '10', '--types', 'user_login,other']);
  await project.run(['logs', '-f', 'worker'], {
    until: (text) =>
      /"handlers":\["\*","user_login","page_view"\]/.test(text) &&
      /A user logged in/.test(text) &&
      /Something else happened/.test(text),
  });
  project.set({ WORKER_HANDLERS: '', LOG_LEVEL: '' });
}

async function dataIsKept(project) {
  const waiting = async () => Number(await project.redis('LLEN', 'event_queue'));
  await project.run(['up', '-d', '--scale', 'worker=0']);
  await project.run(['run', '--rm', 'producer', '--count', '500']);
  expectEqual('before', await waiting(), 500);
  await project.run(['down']);
  await project.run(['up', '-d', 'redis']);
  expectEqual('after', await waiting(), 500);
  await project.run(['up', '-d']);
  const before = await queueCounters(project);
  await eventually('the backlog is gone', async () => (await waiting()) === 0);
  await allProcessed(project);
  return `enqueued ${before.enqueued} in all`;
}
