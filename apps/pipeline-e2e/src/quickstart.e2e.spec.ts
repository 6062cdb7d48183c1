import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { isRunning } from '@event-pipeline/runtime/testing';
import { runProducer, startCollector } from './harness/program';
import { redisEngine } from './harness/queue-engine';
import { Quickstart, type QuickstartPlace, quickstartPlace, untilGone } from './harness/quickstart';
import { Scratch } from './harness/scratch';
import { until } from './harness/until';

describe('npm start', () => {
  const scratch = new Scratch();
  let place: QuickstartPlace;
  beforeEach(async () => {
    place = await quickstartPlace(scratch);
  });
  afterEach(() => scratch.clean());

  const start = (args: readonly string[], variables: Readonly<Record<string, string>> = {}) =>
    new Quickstart(place, args, scratch, variables);

  const startAndStay = async () => {
    const quickstart = start(['--count', '100']);
    await quickstart.staysUp();
    return quickstart;
  };

  it('processes every event on the embedded queue and says so', async () => {
    const quickstart = start(['--once', '--count', '3000']);
    expect(await quickstart.ended).toBe(0);
    expect(quickstart.stderr).toBe('');
    expect(quickstart.stdout).toMatch(/^ {2}sent +3,000$/m);
    expect(quickstart.stdout).toMatch(/^ {2}acknowledged +3,000$/m);
    expect(quickstart.stdout).toMatch(/^ {2}processed +3,000$/m);
    expect(quickstart.stdout).toMatch(/^ {2}stored +3,000$/m);
    expect(quickstart.stdout).toMatch(/^ {2}dead +0$/m);
    expect(quickstart.stdout).toMatch(/^ {2}left in the queue +0$/m);
    expect(quickstart.stdout).toMatch(/^ {2}latency +p50 ≤ /m);
    await untilGone(quickstart.pids);
    expect(existsSync(join(place.folder, '.data/in-use-by.pid'))).toBe(false);
  });

  it('uses Redis where REDIS_HOST is set', async () => {
    const { redis, drained } = await redisEngine(scratch);
    const variables = { REDIS_HOST: redis.host, REDIS_PORT: String(redis.port) };
    const quickstart = start(['--once', '--count', '2000'], variables);
    expect(await quickstart.ended).toBe(0);
    expect(quickstart.stdout).toMatch(/^ {2}processed +2,000$/m);
    expect(await drained()).toMatchObject({ enqueued: 2_000, processed: 2_000 });
    expect(existsSync(join(place.folder, '.data/queue'))).toBe(false);
  });

  it('does not count events that were in the queue before', async () => {
    const queue = { QUEUE_URL: `embedded:${join(place.folder, '.data/queue')}` };
    const { program, address } = await startCollector(queue, scratch);
    await runProducer(address, ['--count', '1500'], scratch);
    await program.stop();

    const slow = { PROCESSING_TIME_MS: '2', WORKER_CONCURRENCY: '1' };
    const quickstart = start(['--once', '--count', '700'], slow);
    expect(await quickstart.ended).toBe(0);
    expect(quickstart.stdout).toMatch(/^Events from before: [\d,]+ are pending and go first\.$/m);
    expect(quickstart.stdout).toMatch(/^ {2}processed +700$/m);
    expect(quickstart.stdout).toMatch(/^ {2}stored +700$/m);
  });

  it('names the delayed and the dead ones from before apart from its own events', async () => {
    const handlers = join(place.folder, 'handlers.cjs');
    const failing = `throw Object.assign(new Error('no'), { permanent: n++ % 2 === 0 });`;
    writeFileSync(handlers, `let n = 0; exports['*'] = () => { ${failing} };`);
    const first = start(['--count', '8'], {
      WORKER_HANDLERS: handlers,
      WORKER_RETRY_BASE_DELAY_MS: '600000',
      WORKER_RETRY_MAX_DELAY_MS: '600000',
    });
    await until('events have failed', () => first.stdout.includes('events of a lease failed'));
    expect(first.stdout).toMatch(/\(handler \*, type .*: Error: no|: no; see npm run queue/);
    first.child.kill('SIGINT');
    expect(await first.ended).toBe(0);
    expect(first.stdout).toMatch(/^So far: 8 sent, 8 acknowledged, 0 processed, /m);
    expect(first.stdout).toMatch(/^Stopped\.$/m);

    const second = start(['--once', '--count', '100']);
    expect(await second.ended).toBe(0);
    expect(second.stdout).toMatch(/are dead letters and stay\.$/m);
    const [own = '', earlier = ''] = second.stdout.split('From before this run:');
    expect(own).toMatch(/^ {2}processed +100$/m);
    expect(own).toMatch(/^ {2}dead +0$/m);
    expect(earlier).toMatch(/^ {2}dead before +[1-8]$/m);
  });

  it('ends with exit code 1 where an event was not processed', async () => {
    const handlers = join(place.folder, 'handlers.cjs');
    const failing = `throw Object.assign(new Error('no'), { permanent: true });`;
    writeFileSync(handlers, `exports['*'] = () => { ${failing} };`);
    const variables = { WORKER_HANDLERS: handlers, WORKER_MAX_ATTEMPTS: '1' };
    const quickstart = start(['--once', '--count', '50'], variables);
    expect(await quickstart.ended).toBe(1);
    expect(quickstart.stdout).toMatch(/^ {2}dead +50$/m);
    expect(quickstart.stdout).toMatch(/^50 of 50 events were not processed\. Some became dead/m);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'stays up until %s, then stops everything in order with exit code 0',
    async (signal) => {
      const quickstart = await startAndStay();
      const { pids } = quickstart;
      expect(pids.every(isRunning)).toBe(true);
      quickstart.child.kill(signal);
      // A terminal's Ctrl-C arrives twice through npm.
      quickstart.child.kill(signal);
      expect(await quickstart.ended).toBe(0);
      expect(pids.some(isRunning)).toBe(false);
      expect(quickstart.log('collector')).toContain('"exitCode":0');
      expect(quickstart.log('worker')).toContain('"exitCode":0');
      expect(quickstart.stderr).toBe('');
    },
  );

  it('a second one in the same folder says in one line that the first uses it', async () => {
    const first = await startAndStay();
    const second = start(['--once']);
    expect(await second.ended).toBe(2);
    const owner = `process ${first.child.pid}`;
    expect(second.stderr).toMatch(
      new RegExp(`^The data folder .data is in use by another npm start \\(${owner}\\).*\n$`),
    );
    expect(first.pids.every(isRunning)).toBe(true);
  });

  it('a port in use is said in one line, and nothing is started', async () => {
    const { COLLECTOR_PORT: port } = place.env;
    const taken = createServer().listen(Number(port), '127.0.0.1');
    scratch.afterwards(() => taken.close());
    await once(taken, 'listening');
    const quickstart = start(['--once']);
    expect(await quickstart.ended).toBe(2);
    expect(quickstart.stderr).toMatch(new RegExp(`^Port ${port} is in use .*\n$`));
    expect(existsSync(join(place.folder, '.data/logs/collector.log'))).toBe(false);
  });

  it('names everything that is wrong with the configuration of all programs, and starts none', async () => {
    const wrong = {
      COLLECTOR_MAX_ANSWER_BYTES: 'many',
      COLLECTOR_PORT: '70000',
      LOG_LEVEL: 'loud',
      REDIS_PORT: 'x',
      WORKER_CONCURRENCY: '0',
      WORKER_BATCH_SIZES: '7',
    };
    const quickstart = start(['--once'], wrong);
    expect(await quickstart.ended).toBe(2);
    const lines = quickstart.stderr.split('\n');
    expect(lines.shift()).toBe('The configuration is not valid; nothing has been started:');
    const names = lines.filter((line) => line.startsWith('  ')).map((line) => line.split(' ')[2]);
    expect(names.sort()).toEqual(Object.keys(wrong).sort());
    expect(lines).toContain('  WORKER_CONCURRENCY is "0"; expected a whole number from 1 to 256');
    expect(quickstart.stdout).toBe('');
    expect(existsSync(join(place.folder, '.data'))).toBe(false);

    const check = start(['--check-config'], wrong);
    expect(await check.ended).toBe(2);
    expect(check.stderr).toBe(quickstart.stderr);
    expect(await start(['--check-config']).ended).toBe(0);
  });

  it('warns of a variable that is nearly one of those that the programs read', async () => {
    const quickstart = start(['--once', '--count', '10'], { WORKER_CONCURENCY: '1' });
    expect(await quickstart.ended).toBe(0);
    expect(quickstart.stdout).toContain(
      'worker | warn: WORKER_CONCURENCY is no variable of this program: ' +
        'did you mean WORKER_CONCURRENCY?\n',
    );
    expect(quickstart.stdout).not.toContain('collector | warn');
  });

  it('a queue folder that is none is said in one line, and nothing is left running', async () => {
    writeFileSync(join(place.folder, 'queue'), 'a file in its place');
    const quickstart = start(['--once'], { QUEUE_URL: 'embedded:./queue' });
    expect(await quickstart.ended).toBe(2);
    expect(quickstart.stderr).toMatch(
      /^The (collector|worker) has ended \(exit code 2\): .*\. Log: \.data\/logs\/\w+\.log\n$/,
    );
    // Either may have been stopped before it wrote its first line.
    await untilGone(quickstart.pids.filter((pid) => !Number.isNaN(pid)));
  });

  it.each(['collector', 'worker'] as const)(
    'a %s that dies is named in one line with its log, and everything stops',
    async (program) => {
      const quickstart = await startAndStay();
      const { pids } = quickstart;
      process.kill(quickstart.pidOf(program), 'SIGKILL');
      expect(await quickstart.ended).toBe(1);
      const log = `Log: \\.data/logs/${program}\\.log`;
      expect(quickstart.stderr).toMatch(
        new RegExp(`^The ${program} has ended \\(SIGKILL\\)\\..* ${log}\n$`),
      );
      await untilGone(pids);
    },
  );

  it('leaves nothing running when it is killed, and starts again at once', async () => {
    const quickstart = await startAndStay();
    const { pids } = quickstart;
    quickstart.child.kill('SIGKILL');
    await untilGone(pids);
    expect(await start(['--once', '--count', '100']).ended).toBe(0);
  });
});
