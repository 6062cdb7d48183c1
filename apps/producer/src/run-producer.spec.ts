import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { status } from '@grpc/grpc-js';
import { RejectionCode } from '@event-pipeline/contracts';
import type { Report } from './report';
import { runCommand } from './testing/fake-host';
import { until } from './testing/run';
import {
  ScriptedCollector,
  failure,
  summaryOf,
  type BatchStreamHandler,
} from '@event-pipeline/publisher/testing';

describe('the producer command', () => {
  let collector: ScriptedCollector;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'producer-'));
  });
  afterAll(() => rm(folder, { recursive: true }));
  beforeEach(async () => {
    collector = await new ScriptedCollector().start();
  });
  afterEach(() => collector.stop());

  it('streams 10,000 events of two types, in batches, by default to COLLECTOR_ADDRESS: exit code 0', async () => {
    const run = runCommand([], { address: collector.address });
    expect(await run.exited).toBe(0);
    expect(collector.batchStreams.flat()).toHaveLength(20);
    expect(collector.received).toHaveLength(10_000);
    expect(collector.received.map(({ type }) => type).slice(0, 3)).toEqual([
      'page_view',
      'user_login',
      'page_view',
    ]);
    expect(run.stdout()).toMatch(
      /^Starting to stream 10,000 events to 127.0.0.1:\d+\.\.\.\nFinished streaming events\. Server response: { success: true }\n/,
    );
    // Nothing but progress, where the machine is so slow that there is some to report.
    expect(run.stderr()).toMatch(/^([\d,]+ of 10,000 sent, [\d,]+ acknowledged\n)*$/);
  });

  it('prints one JSON object and nothing else with --json', async () => {
    const run = runCommand(['--json', '--count', '20', '--collector', collector.address]);
    expect(await run.exited).toBe(0);
    const report = JSON.parse(run.stdout()) as Report;
    expect(report).toMatchObject({ ok: true, early: null, total: 20, sent: 20, acknowledged: 20 });
    expect(report.acknowledgementLatency).toMatchObject({ unit: 'batch', samples: 1 });
    expect(run.stderr()).toBe('');
  });

  it('prints its help on standard output: exit code 0', async () => {
    const run = runCommand(['--help']);
    expect(await run.exited).toBe(0);
    expect(run.stdout()).toContain('Usage: producer [options]');
  });

  it('names every wrong option on standard error: exit code 2', async () => {
    const run = runCommand(['--count', 'x', '--nonsense'], { address: 'nowhere' });
    expect(await run.exited).toBe(2);
    expect(run.stdout()).toBe('');
    expect(run.stderr()).toBe(
      'producer: unknown option --nonsense\n' +
        'producer: --count: expected a whole number from 1 to 1000000000, got "x"\n' +
        'producer: COLLECTOR_ADDRESS: expected host:port, like localhost:50051, got "nowhere"\n' +
        'producer: Run with --help to see every option.\n',
    );
  });

  it('sends the events of a file, reports bad lines by number and sends the rest: exit code 1', async () => {
    const path = join(folder, 'events.ndjson');
    await writeFile(path, '{"type":"a"}\nnonsense\n{"type":"b","x":1}\n{"type":"c"}');
    const run = runCommand(['--file', path], { address: collector.address });
    expect(await run.exited).toBe(1);
    expect(collector.received.map(({ type }) => type)).toEqual(['a', 'c']);
    expect(run.stderr()).toContain('producer: line 2: not valid JSON');
    expect(run.stderr()).toContain('producer: line 3: "x" is no member of an event');
    expect(run.stdout()).toMatch(/bad lines +2\n/);
  });

  it('reads standard input for --file -: exit code 0', async () => {
    const stdin = Readable.from([Buffer.from('{"type":"a"}\n')]);
    const run = runCommand(['--file', '-'], { address: collector.address, stdin });
    expect(await run.exited).toBe(0);
    expect(collector.received.map(({ type }) => type)).toEqual(['a']);
  });

  it('names the first hundred bad lines and counts the others', async () => {
    const stdin = Readable.from([Buffer.from('x\n'.repeat(250))]);
    const run = runCommand(['--file', '-', '--json'], { address: collector.address, stdin });
    expect(await run.exited).toBe(1);
    expect(run.stderr().match(/line \d+:/g)).toHaveLength(100);
    expect(JSON.parse(run.stdout())).toMatchObject({ ok: false, badLines: 250, sent: 0 });
  });

  it.each([
    ['not-there.ndjson', 'ENOENT'],
    ['', 'it is a folder'],
  ])(
    'refuses a file that it cannot read before anything is sent: exit code 2 (%s)',
    async (name, reason) => {
      const run = runCommand(['--file', join(folder, name)], { address: collector.address });
      expect(await run.exited).toBe(2);
      expect(collector.received).toHaveLength(0);
      expect(run.stdout()).toBe('');
      expect(run.stderr()).toMatch(new RegExp(`^producer: --file: cannot read ".*${reason}`));
    },
  );

  it('names rejected events: exit code 1', async () => {
    collector.stop();
    collector = await new ScriptedCollector({
      streams: [
        (call, answer) => {
          const code = RejectionCode.REJECTION_CODE_INVALID_EVENT_ID;
          const rejections = [{ index: 1, eventId: 'x', code, message: 'not a UUID' }];
          const summary = summaryOf({ accepted: 2, rejected: 1, rejections });
          call.on('end', () => answer(null, summary));
        },
      ],
    }).start();
    const run = runCommand(['--mode', 'stream', '--count', '3'], { address: collector.address });
    expect(await run.exited).toBe(1);
    expect(run.stdout()).toContain('Server response: { success: false }');
    expect(run.stdout()).toContain('event 2, id "x": INVALID_EVENT_ID: not a UUID');
  });

  it('says what the collector refused, without a stack trace: exit code 1', async () => {
    collector.stop();
    collector = await new ScriptedCollector({
      requests: [(_request, answer) => answer(failure(status.UNIMPLEMENTED, 'no such method'))],
    }).start();
    const run = runCommand(['--mode', 'unary'], { address: collector.address });
    expect(await run.exited).toBe(1);
    expect(run.stderr()).toBe('producer: UNIMPLEMENTED: no such method\n');
    expect(run.stdout()).not.toContain('Finished');
  });

  it('names the modes to use where the collector takes no streams of batches: exit code 1', async () => {
    collector.stop();
    const refuse: BatchStreamHandler = (call) => {
      call.emit('error', failure(status.UNIMPLEMENTED, 'no such method'));
    };
    collector = await new ScriptedCollector({ batchStreams: [refuse] }).start();
    const run = runCommand([], { address: collector.address });
    expect(await run.exited).toBe(1);
    expect(run.stderr()).toBe(
      'producer: UNIMPLEMENTED: no such method; this collector takes no streams of batches: ' +
        'use --mode stream or --mode unary\n',
    );
    expect(run.stdout()).not.toContain('Finished');
  });

  it('says in one line that no collector is there: exit code 1', async () => {
    collector.stop();
    const run = runCommand(['--timeout', '0.2'], { address: collector.address });
    expect(await run.exited).toBe(1);
    expect(run.stdout()).toBe('');
    expect(run.stderr()).toMatch(/^producer: no collector answers at [^\n]+\n$/);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])('ends on %s with a summary of what became of the events: exit code %i', async (name, code) => {
    const args = ['--count', '1000000000', '--json'];
    const run = runCommand(args, { address: collector.address });
    await until(() => collector.received.length > 0);
    run.signal(name);
    run.signal(name);
    expect(await run.exited).toBe(code);
    const { early, sent, acknowledged } = JSON.parse(run.stdout()) as Report;
    expect(early?.why).toBe('interrupted');
    expect(sent).toBe(acknowledged);
    expect(sent).toBe(collector.received.length);
  });
});
