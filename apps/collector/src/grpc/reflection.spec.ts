import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCollector, type StartedCollector } from '../testing/start-collector';

const buf = require.resolve('@bufbuild/buf/bin/buf');
let folder: string;
let collector: StartedCollector;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'reflection-test-'));
  collector = await startCollector({ QUEUE_URL: `embedded:${join(folder, 'queue')}` });
});

afterAll(async () => {
  await collector.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs `buf curl`, which is strict about descriptors, without any proto file at hand. */
function bufCurl(path: string, ...args: readonly string[]): Promise<string> {
  const url = `http://${collector.address}${path}`;
  const flags = ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', ...args, url];
  const child = spawn(process.execPath, [buf, ...flags], { cwd: folder });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  return new Promise((resolve) => child.on('close', () => resolve(output)));
}

describe('a client without the proto file', () => {
  it('learns by reflection which methods there are', async () => {
    expect(await bufCurl('', '--list-methods')).toContain('event.EventService/PublishEvents\n');
  });

  it('sends an event with every field by what reflection says', async () => {
    const event = {
      eventId: '11111111-1111-4111-8111-111111111111',
      type: 'user_login',
      timestamp: '1760000000000',
      data: Buffer.from('{"account":"ada"}').toString('base64'),
      dataContentType: 'application/json',
      attributes: { traceparent: '00-1-1-00' },
      source: 'web',
      partitionKey: 'ada',
      schemaVersion: '1',
    };
    const request = JSON.stringify({ events: [event] });
    const answer = await bufCurl('/event.EventService/PublishEvents', '--data', request);
    expect(JSON.parse(answer)).toEqual({ accepted: 1 });
  });
});
