import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, startRedisServer } from '@event-pipeline/queue/testing';
import { systemClock } from '@event-pipeline/runtime';

const programs = join(__dirname, '../../../dist/apps');

/** A program in a folder of the test's own, and everything it has said so far. */
interface Running {
  readonly process: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: Promise<number | null>;
}

describe('npm start', () => {
  let folder: string;
  let env: NodeJS.ProcessEnv;
  const running: Running[] = [];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'quickstart-'));
    env = {
      PATH: process.env['PATH'],
      COLLECTOR_PORT: String(await freePort()),
      COLLECTOR_HTTP_PORT: String(await freePort()),
      WORKER_HTTP_PORT: String(await freePort()),
    };
  });

  afterEach(async () => {
    for (const { process: child, ended } of running.splice(0)) {
      child.kill('SIGTERM');
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  });

  function start(program: string, args: readonly string[], more: NodeJS.ProcessEnv = {}): Running {
    const child = spawn(process.execPath, [join(programs, program, 'main.js'), ...args], {
      cwd: folder,
      env: { ...env, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
    const started: Running = {
      process: child,
      stdout: () => output.stdout,
      stderr: () => output.stderr,
      ended: once(child, 'close').then(([code]) => code as number | null),
    };
    running.push(started);
    return started;
  }

  /** Resolves once the program has said that it stays up. */
  async function startAndStay(): Promise<Running> {
    const quickstart = start('quickstart', ['--count', '100']);
    while (!quickstart.stdout().includes('Running until Ctrl-C')) {
      if (quickstart.process.exitCode !== null) throw new Error(quickstart.stderr());
      await systemClock.sleep(20);
    }
    return quickstart;
  }

  const log = (program: string) => readFileSync(join(folder, '.data/logs', program), 'utf8');

  /** The process of collector or worker, as its log names it. */
  const pidOf = (program: string) => Number(/"pid":(\d+)/.exec(log(`${program}.log`))?.[1]);

  async function untilGone(...pids: readonly number[]): Promise<void> {
    for (const pid of pids) while (isAlive(pid)) await systemClock.sleep(10);
  }

  it('processes every event on the embedded queue and says so', async () => {
    const { ended, stdout, stderr } = start('quickstart', ['--once', '--count', '3000']);
    expect(await ended).toBe(0);
    expect(stderr()).toBe('');
    expect(stdout()).toMatch(/^ {2}sent +3,000$/m);
    expect(stdout()).toMatch(/^ {2}acknowledged +3,000$/m);
    expect(stdout()).toMatch(/^ {2}processed +3,000$/m);
    expect(stdout()).toMatch(/^ {2}dead +0$/m);
    expect(stdout()).toMatch(/^ {2}left in the queue +0$/m);
    expect(stdout()).toMatch(/^ {2}latency +p50 ≤ /m);
    await untilGone(pidOf('collector'), pidOf('worker'));
    expect(existsSync(join(folder, '.data/in-use-by.pid'))).toBe(false);
  });

  it('uses Redis where REDIS_HOST is set', async () => {
    const redis = await startRedisServer();
    try {
      const place = { REDIS_HOST: redis.host, REDIS_PORT: String(redis.port) };
      const { ended, stdout } = start('quickstart', ['--once', '--count', '2000'], place);
      expect(await ended).toBe(0);
      expect(stdout()).toMatch(/^ {2}processed +2,000$/m);
      expect(await redis.command('hget', '{event_queue}:counters', 'processed')).toBe('2000');
      expect(existsSync(join(folder, '.data/queue'))).toBe(false);
    } finally {
      await redis.stop();
    }
  });

  it('does not count events that were in the queue before', async () => {
    const queue = { QUEUE_URL: `embedded:${join(folder, '.data/queue')}` };
    const collector = start('collector', [], queue);
    while (!(await isReady(env['COLLECTOR_HTTP_PORT']))) await systemClock.sleep(20);
    const address = `127.0.0.1:${env['COLLECTOR_PORT']}`;
    const count = ['--count', '1500'];
    expect(await start('producer', ['--collector', address, ...count]).ended).toBe(0);
    collector.process.kill('SIGTERM');
    expect(await collector.ended).toBe(0);

    const slow = { PROCESSING_TIME_MS: '2', WORKER_CONCURRENCY: '1' };
    const { ended, stdout } = start('quickstart', ['--once', '--count', '700'], slow);
    expect(await ended).toBe(0);
    expect(stdout()).toMatch(/^[\d,]+ events from before are in the queue: they go first\.$/m);
    expect(stdout()).toMatch(/^ {2}processed +700$/m);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'stays up until %s, then stops everything in order with exit code 0',
    async (signal) => {
      const quickstart = await startAndStay();
      const pids = [pidOf('collector'), pidOf('worker')];
      for (const pid of pids) expect(isAlive(pid)).toBe(true);
      quickstart.process.kill(signal);
      // A terminal's Ctrl-C arrives twice through npm.
      quickstart.process.kill(signal);
      expect(await quickstart.ended).toBe(0);
      for (const pid of pids) expect(isAlive(pid)).toBe(false);
      expect(log('collector.log')).toContain('"exitCode":0');
      expect(log('worker.log')).toContain('"exitCode":0');
      expect(quickstart.stderr()).toBe('');
    },
  );

  it('a second one in the same folder says in one line that the first uses it', async () => {
    const first = await startAndStay();
    const second = start('quickstart', ['--once']);
    expect(await second.ended).toBe(2);
    const owner = `process ${first.process.pid}`;
    expect(second.stderr()).toMatch(
      new RegExp(`^The data folder .data is in use by another npm start \\(${owner}\\).*\n$`),
    );
    expect(isAlive(pidOf('worker'))).toBe(true);
  });

  it('a port in use is said in one line, and nothing is left running', async () => {
    const taken = createServer().listen(Number(env['COLLECTOR_PORT']), '127.0.0.1');
    await once(taken, 'listening');
    try {
      const { ended, stderr } = start('quickstart', ['--once']);
      expect(await ended).toBe(2);
      expect(stderr()).toMatch(new RegExp(`^Port ${env['COLLECTOR_PORT']} is in use .*\n$`));
    } finally {
      taken.close();
    }
  });

  it('a queue folder that is none is said in one line, and nothing is left running', async () => {
    writeFileSync(join(folder, 'queue'), 'a file in its place');
    const place = { QUEUE_URL: 'embedded:./queue' };
    const { ended, stderr } = start('quickstart', ['--once'], place);
    expect(await ended).toBe(2);
    expect(stderr()).toMatch(
      /^The (collector|worker) has ended \(exit code 2\): .*\. Log: \.data\/logs\/\w+\.log\n$/,
    );
    await untilGone(pidOf('collector'), pidOf('worker'));
  });

  it.each(['collector', 'worker'])(
    'a %s that dies is named in one line with its log, and everything stops',
    async (program) => {
      const quickstart = await startAndStay();
      const pids = [pidOf('collector'), pidOf('worker')];
      process.kill(pidOf(program), 'SIGKILL');
      expect(await quickstart.ended).toBe(1);
      expect(quickstart.stderr()).toMatch(
        new RegExp(
          `^The ${program} has ended \\(SIGKILL\\)\\..* Log: \\.data/logs/${program}\\.log\n$`,
        ),
      );
      await untilGone(...pids);
    },
  );

  it('leaves nothing running when it is killed, and starts again at once', async () => {
    const quickstart = await startAndStay();
    const pids = [pidOf('collector'), pidOf('worker')];
    quickstart.process.kill('SIGKILL');
    await untilGone(...pids);
    expect(await start('quickstart', ['--once', '--count', '100']).ended).toBe(0);
  });
});

async function isReady(port: string | undefined): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
  } catch {
    return false;
  }
}

/** False also for a dead process that nobody has reaped yet, as under a container's own init. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (!existsSync('/proc/self/stat')) return true;
  const stat = `/proc/${pid}/stat`;
  return existsSync(stat) && !readFileSync(stat, 'utf8').includes(') Z ');
}
