import { createServer, type AddressInfo, type Socket } from 'node:net';
import { expectConserved, take } from '@event-pipeline/queue/testing';
import type { DepthReport } from './depth';
import type { LetterJson } from './letter-view';
import type { MoveReport } from './move-letters';
import { bury, createQueueFolder, openQueue, type QueueFolder } from './testing/queue-folder';
import { runCommand, startCommand } from './testing/run-command';

let folder: QueueFolder;
beforeEach(async () => {
  folder = await createQueueFolder();
});
afterEach(() => folder.dispose());

const run = (line: string) => runCommand(line.split(' '), { url: folder.url });

async function list(line = ''): Promise<LetterJson[]> {
  const { stdout, code, stderr } = await run(`dead list --json${line}`);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((text) => JSON.parse(text) as LetterJson);
}

async function move(line: string): Promise<MoveReport> {
  const { stdout, code, stderr } = await run(`dead ${line} --json`);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as MoveReport;
}

/** Three partitions' worth of different deaths. */
const DEATHS = [
  { type: 'a', reason: 'permanent-error', handler: 'mail' },
  { type: 'b', reason: 'permanent-error', handler: 'mail' },
  { type: 'a', reason: 'attempts-exhausted', handler: 'bill' },
  { type: 'c', reason: 'crashed-worker', handler: '' },
  { body: '{"no":"event"}', reason: 'undecodable', handler: '' },
] as const;

describe('queue depth', () => {
  it('has every term of the identity, per partition and in all', async () => {
    await folder.queue.resize(2);
    await bury(folder.queue, [{}, { partition: 1 }, { partition: 1 }]);
    const { code, stdout } = await run('depth --json');
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as DepthReport;
    expect(report).toMatchObject({
      queue: 'event_queue',
      partitions: [
        { partition: 0, enqueued: 1, dead: 1 },
        { partition: 1, enqueued: 2, dead: 2 },
      ],
      total: { enqueued: 3, dead: 3, pending: 0, oldestPendingAgeSeconds: null },
    });
    const { oldestPendingAgeSeconds: age, ...counts } = report.total;
    expect(age).toBeNull();
    expectConserved(counts);
    const one = await run('depth --json --partition 1');
    expect(JSON.parse(one.stdout)).toMatchObject({
      partitions: [{ partition: 1, dead: 2 }],
      total: { enqueued: 2 },
    });
  });

  it('shows a table in 100 columns, however many partitions there are', async () => {
    await folder.queue.resize(11);
    await bury(folder.queue, [{}]);
    const { stdout } = await run('depth');
    expect(stdout).toMatch(/^queue event_queue: 11 partitions, durability \w+\n/);
    for (let partition = 0; partition < 11; partition++) expect(stdout).toContain(`p${partition}`);
    expect(stdout).toMatch(/^\+ dead +1 +1( +0)+$/m);
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  it('says how old the backlog is', async () => {
    await bury(folder.queue, [{}]);
    await move('redrive --yes');
    const { stdout } = await run('depth');
    expect(stdout).toMatch(/^oldest pending +\d+d/m);
  });
});

describe('queue dead list', () => {
  it('lists what died, of which reason, in which handler, with its trace', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    await bury(folder.queue, [{ traceparent, error: 'broken' }]);
    expect(await list()).toMatchObject([
      {
        id: '0/0',
        reason: 'permanent-error',
        error: 'broken',
        handler: 'h',
        attempts: 1,
        traceparent,
        eventId: '00000000-0000-4000-8000-000000000000',
      },
    ]);
    const { stdout } = await run('dead list');
    expect(stdout).toContain(traceparent);
  });

  it.each([
    ['', [0, 1, 2, 3, 4]],
    [' --reason permanent-error', [0, 1]],
    [' --reason undecodable,crashed-worker', [3, 4]],
    [' --type a', [0, 2]],
    [' --type a --handler mail', [0]],
    [' --type nothing', []],
    [' --handler mail,bill', [0, 1, 2]],
    [' --newer-than 1h', [0, 1, 2, 3, 4]],
    [' --older-than 1h', []],
    [' --limit 2', [0, 1]],
    [' --type a --limit 2', [0, 2]],
    [' --id 0/3,0/1,0/3', [3, 1]],
    [' --id 0/3,0/1 --reason permanent-error', [1]],
    [' --partition 0', [0, 1, 2, 3, 4]],
  ])('filters:%s', async (filter, expected) => {
    await bury(folder.queue, DEATHS);
    expect((await list(filter)).map(({ id }) => Number(id.split('/')[1]))).toEqual(expected);
  });

  it('reads page after page, each partition in turn', async () => {
    await folder.queue.resize(2);
    const deaths = Array.from({ length: 1_203 }, (_, n) => ({ partition: n % 2 }));
    await bury(folder.queue, deaths);
    const ids = (await list()).map(({ id }) => id);
    expect(new Set(ids).size).toBe(1_203);
    expect(ids[0]).toBe('0/0');
    expect(ids.at(-1)).toBe('1/600');
    expect((await list(' --partition 1')).length).toBe(601);
  });

  it('shows a person the first hundred and says that there are more', async () => {
    await bury(
      folder.queue,
      Array.from({ length: 101 }, () => ({})),
    );
    const { stdout, stderr } = await run('dead list');
    expect(stdout.split('\n')).toHaveLength(3 + 300 + 1);
    expect(stderr).toBe('queue: 100 shown; there may be more: --limit N\n');
  });

  it('says where there are none', async () => {
    expect(await run('dead list')).toEqual({ code: 0, stdout: 'No dead letters.\n', stderr: '' });
    expect(await run('dead list --json')).toEqual({ code: 0, stdout: '', stderr: '' });
    await bury(folder.queue, DEATHS);
    const { stdout } = await run('dead list --type nobody');
    expect(stdout).toBe('None of 5 dead letters fits.\n');
  });
});

describe('queue dead show', () => {
  it('shows one with its event in full', async () => {
    await bury(folder.queue, DEATHS);
    expect((await run('dead show 0/2')).stdout).toMatch(/^reason +attempts-exhausted$/m);
    const { stdout } = await run('dead show 0/2 --json');
    expect(JSON.parse(stdout)).toEqual((await list())[2]);
  });

  it('fails for one that is gone, with exit code 1', async () => {
    const { code, stdout, stderr } = await run('dead show 0/7');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe('queue: there is no dead letter 0/7, or none any more\n');
  });
});

describe.each(['redrive', 'purge'] as const)('queue dead %s', (name) => {
  const target = name === 'redrive' ? 'pending' : 'purged';

  it('takes what the filters say and leaves the rest', async () => {
    await bury(folder.queue, DEATHS);
    expect(await move(`${name} --type a`)).toEqual({
      command: name,
      dryRun: false,
      looked: 5,
      chosen: 2,
      moved: 2,
      gone: 0,
      refused: 0,
      reasons: { 'permanent-error': 1, 'attempts-exhausted': 1 },
      complete: true,
    });
    expect(await folder.queue.stats(0)).toMatchObject({ dead: 3, [target]: 2 });
    expectConserved(await folder.queue.stats(0));
  });

  it('changes nothing in a dry run', async () => {
    await bury(folder.queue, DEATHS);
    const [before, letters] = [await folder.queue.stats(0), await list()];
    expect(await move(`${name} --dry-run`)).toMatchObject({ chosen: 5, moved: 0, complete: true });
    const { stdout } = await run(`dead ${name} --dry-run`);
    expect(stdout).toMatch(/^5 dead letters would be .* \(dry run: nothing was changed\), of 5 /);
    expect(await folder.queue.stats(0)).toEqual(before);
    expect(await list()).toEqual(letters);
  });

  it('says what was named and is gone by now: exit code 1, and no harm to it', async () => {
    await bury(folder.queue, DEATHS);
    expect(await move(`${name} --id 0/1,0/4`)).toMatchObject({ moved: 2, gone: 0 });
    const { code, stdout } = await run(`dead ${name} --id 0/1,0/2,0/9 --json`);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ moved: 1, gone: 2, complete: true });
    expect(await folder.queue.stats(0)).toMatchObject({ dead: 2, [target]: 3 });
  });

  it('takes at most --limit, the oldest', async () => {
    await bury(folder.queue, DEATHS);
    expect(await move(`${name} --yes --limit 2`)).toMatchObject({ moved: 2 });
    expect((await list()).map(({ id }) => id)).toEqual(['0/2', '0/3', '0/4']);
  });

  it('takes all only when told so, where nobody can be asked', async () => {
    await bury(folder.queue, DEATHS);
    const { code, stderr } = await run(`dead ${name}`);
    expect(code).toBe(2);
    expect(stderr).toContain('without a filter is for every dead letter: say --yes');
    expect(await folder.queue.stats(0)).toMatchObject({ dead: 5 });
    expect(await move(`${name} --yes`)).toMatchObject({ moved: 5 });
  });

  it.each([
    ['y', 0, 0],
    ['yes', 0, 0],
    ['n', 1, 5],
    ['', 1, 5],
  ])('asks on a terminal: the answer %p', async (answer, code, left) => {
    await bury(folder.queue, DEATHS);
    const command = startCommand(['dead', name], { url: folder.url, terminal: true });
    command.type(answer);
    expect(await command.exited).toBe(code);
    expect(command.stderr()).toContain('all of 5 dead letters of event_queue? [y/N]');
    const nothing = name === 'purge' ? 'nothing was dropped' : 'nothing was put back';
    expect(command.stderr().includes(nothing)).toBe(code === 1);
    expect(await folder.queue.stats(0)).toMatchObject({ dead: left });
  });

  it('asks, and takes Ctrl-C for a no', async () => {
    await bury(folder.queue, DEATHS);
    const command = startCommand(['dead', name], { url: folder.url, terminal: true });
    while (!command.stderr().includes('[y/N]')) await new Promise(setImmediate);
    command.signal('SIGINT');
    expect(await command.exited).toBe(130);
    expect(await folder.queue.stats(0)).toMatchObject({ dead: 5 });
  });

  it('stops at Ctrl-C between two steps, with its figures, and goes on when run again', async () => {
    await bury(
      folder.queue,
      Array.from({ length: 3_000 }, () => ({})),
    );
    const command = startCommand(['dead', name, '--yes', '--json'], { url: folder.url });
    while ((await folder.queue.stats(0)).dead === 3_000) await new Promise(setImmediate);
    command.signal('SIGINT');
    expect(await command.exited).toBe(130);
    const report = JSON.parse(command.stdout()) as MoveReport;
    expect(report).toMatchObject({ complete: false, gone: 0 });
    expect(command.stderr()).toContain('run it again to go on');
    const { dead, [target]: moved } = await folder.queue.stats(0);
    expect(moved).toBe(report.moved);
    expect(dead).toBe(3_000 - report.moved);
    expect(await move(`${name} --yes`)).toMatchObject({ moved: dead, complete: true });
  }, 60_000);
});

describe('an event that is redriven and dies again', () => {
  it('is left to the next run', async () => {
    await bury(
      folder.queue,
      Array.from({ length: 1_100 }, () => ({})),
    );
    const { queue, url } = folder;
    const command = startCommand(['dead', 'redrive', '--yes', '--json'], { url });
    let over = false;
    const exited = command.exited.then(() => (over = true));
    // A worker whose handler still fails, side by side with the command.
    let deaths = 0;
    while (!over || (await queue.stats(0)).pending > 0) {
      if ((await queue.stats(0)).pending === 0) continue;
      const lease = await take(queue);
      deaths += lease.size;
      await queue.settle(
        lease,
        lease.deliveries.map((_, index) => {
          return { index, outcome: 'dead', reason: 'permanent-error', error: 'e', handler: 'h' };
        }),
      );
    }
    await exited;
    expect(JSON.parse(command.stdout())).toMatchObject({ moved: 1_100, complete: true });
    expect(deaths).toBe(1_100);
    expect(await queue.stats(0)).toMatchObject({ dead: 1_100, pending: 0 });
  }, 60_000);
});

describe('a signal', () => {
  it('before the queue is open ends the command with the code that tells which it was', async () => {
    const command = startCommand(['depth'], { url: folder.url });
    command.signal('SIGTERM');
    expect(await command.exited).toBe(143);
    expect(command.stdout()).toBe('');
  });

  it('ends the wait for a server that never answers', async () => {
    let connected: () => void = () => undefined;
    const isConnected = new Promise<void>((resolve) => (connected = resolve));
    const sockets: Socket[] = [];
    const silent = createServer((socket) => {
      sockets.push(socket);
      connected();
    });
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    try {
      const command = startCommand(['depth'], { url: `redis://127.0.0.1:${port}` });
      await isConnected;
      command.signal('SIGINT');
      expect(await command.exited).toBe(130);
      expect(command.stderr()).toBe('');
    } finally {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => silent.close(resolve));
    }
  });
});

const widest = (text: string) => Math.max(...text.split('\n').map((line) => line.length));

describe('on a terminal of 80 columns', () => {
  const shown = async (line: string) => {
    const { stdout } = await runCommand(line.split(' '), { url: folder.url, columns: 80 });
    return stdout;
  };

  it('every line fits, with everything there in full that a person must copy', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    await folder.queue.resize(30);
    await bury(folder.queue, [{ traceparent, error: 'x'.repeat(300), handler: 'h'.repeat(60) }]);
    for (const line of ['dead list', 'depth', '--help']) {
      expect(widest(await shown(line))).toBeLessThanOrEqual(80);
    }
    const list = await shown('dead list');
    for (const text of ['0/0 ', traceparent, '00000000-0000-4000-8000-000000000000'])
      expect(list).toContain(text);
    const depth = await shown('depth');
    for (let partition = 0; partition < 30; partition++) expect(depth).toContain(`p${partition}`);
  });

  it('JSON is as anywhere else', async () => {
    await bury(folder.queue, [{ error: 'x'.repeat(300) }]);
    expect(await shown('dead list --json')).toContain('x'.repeat(300));
  });
});

describe('the name of the command', () => {
  it.each([
    [{ npm_lifecycle_event: 'queue' }, 'npm run queue --'],
    [{ npm_lifecycle_event: 'npx', npm_command: 'exec' }, 'npx event-queue'],
    [{ CALLED_AS: 'docker-compose run --rm queue' }, 'docker-compose run --rm queue'],
  ])('is in usage and hints what was typed: %j', async (env, name) => {
    const { stdout } = await runCommand(['--help'], { env });
    expect(stdout).toContain(`Usage: ${name} COMMAND [options]\n`);
    const { stderr } = await runCommand(['dpeth'], { env });
    expect(stderr).toBe(
      'queue: unknown command "dpeth"; did you mean depth?\n' +
        `queue: Run "${name} --help" to see every command and option.\n`,
    );
  });
});

describe('what goes wrong', () => {
  it('is a queue that there is not: it is not made, and those that there are, are named', async () => {
    const { url } = folder;
    const others = ['a', 'b', 'z'].map((QUEUE_NAME) => openQueue(url, QUEUE_NAME));
    for (const other of others) await (await other).close();
    for (const line of ['depth', 'dead list --json', 'dead purge --yes']) {
      const env = { QUEUE_NAME: 'evnet_queue' };
      const { code, stdout, stderr } = await runCommand(line.split(' '), { url, env });
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(
        /^queue: QUEUE_NAME: there is no queue "evnet_queue" in \/.*; there are a, b, event_queue, z\n/,
      );
    }
  });

  it('is a partition that there is not: exit code 2', async () => {
    const { code, stderr } = await run('dead list --partition 7');
    expect(code).toBe(2);
    expect(stderr).toMatch(/^queue: there is no partition 7 \(partitions: 1\)\n/);
  });

  it('is an id of another engine: exit code 2', async () => {
    const { code, stderr } = await run('dead show 0/1700000000000-0');
    expect(code).toBe(2);
    expect(stderr).toMatch(/^queue: "1700000000000-0" is no id of a dead letter\n/);
  });

  it('is a folder without a queue, which stays as it is: exit code 2', async () => {
    const { code, stderr } = await runCommand(['depth'], { url: 'embedded:/nonexistent/queue' });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^queue: QUEUE_URL: there is no queue in \/nonexistent\/queue\n/);
  });

  it('is a Redis that cannot be reached: exit code 1 and one line', async () => {
    const url = 'redis://127.0.0.1:1';
    expect(await runCommand(['dead', 'list'], { url })).toEqual({
      code: 1,
      stdout: '',
      stderr: 'queue: Redis at 127.0.0.1:1 is not reachable\n',
    });
  });

  it('is named all at once, options and variables: exit code 2', async () => {
    const { code, stderr } = await runCommand(['dead', 'purge', '--reson', 'x', '--limit', '0'], {
      env: { QUEUE_URL: 'nothing', REDIS_PORT: 'x' },
    });
    expect(code).toBe(2);
    for (const problem of ['--reson', '--limit', 'QUEUE_URL', 'REDIS_PORT', '--help']) {
      expect(stderr).toContain(problem);
    }
  });
});
