import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { startCollector } from './harness/program';
import { embeddedEngine, redisEngine } from './harness/queue-engine';
import { Scratch } from './harness/scratch';

const run = promisify(execFile);
const scratch = new Scratch();
afterEach(() => scratch.clean());

const WORKSPACE = join(__dirname, '../../..');

/** A client made at run time from the first version of the contract. */
function seedClient(address: string) {
  const proto = loadSync(join(__dirname, 'testdata/seed-event.proto'), { keepCase: true });
  const { event } = grpc.loadPackageDefinition(proto) as unknown as {
    event: { EventService: grpc.ServiceClientConstructor };
  };
  const client = new event.EventService(address, grpc.credentials.createInsecure());
  scratch.afterwards(() => client.close());
  return client;
}

describe('clients of the first version of the contract', () => {
  it('stream 10,000 events and get { success: true } after all are in the queue', async () => {
    const engine = await redisEngine(scratch);
    const { address } = await startCollector(engine.variables, scratch);
    const client = seedClient(address);
    const cli = async (...args: string[]) =>
      (
        await run('redis-cli', ['-p', String(engine.redis.port), ...args], { maxBuffer: 2 ** 24 })
      ).stdout.trim();

    const answer = await new Promise((resolve, reject) => {
      const call = client['StreamEvents']?.((error: grpc.ServiceError | null, summary: unknown) =>
        error ? reject(error) : resolve(summary),
      ) as grpc.ClientWritableStream<unknown>;
      for (let i = 0; i < 10_000; i++) {
        const type = i % 2 === 0 ? 'page_view' : 'user_login';
        call.write({ eventId: randomUUID(), type, timestamp: Date.now() });
      }
      call.end();
    });

    expect(answer).toEqual({ success: true });
    expect(await cli('LLEN', 'event_queue')).toBe('10000');
    const elements = (await cli('LRANGE', 'event_queue', '0', '-1')).split('\n');
    const form =
      /^\{"eventId":"[0-9a-f-]{36}","type":"(page_view|user_login)","timestamp":\d{13}[,}]/;
    expect(elements.filter((element) => !form.test(element))).toEqual([]);
    expect(elements).toHaveLength(10_000);
  });
});

describe('clients without the proto file', () => {
  it('find the service by reflection and publish with buf curl', async () => {
    const engine = await redisEngine(scratch);
    const { address } = await startCollector(engine.variables, scratch);
    const curl = async (...args: string[]) =>
      (
        await run(join(WORKSPACE, 'node_modules/.bin/buf'), [
          'curl',
          '--http2-prior-knowledge',
          ...args,
        ])
      ).stdout;
    const grpcUrl = `http://${address}`;
    expect(await curl('--protocol', 'grpc', '--list-services', grpcUrl)).toContain(
      'event.EventService',
    );
    const event = { eventId: randomUUID(), type: 'page_view', timestamp: '1767225600000' };
    const answer = await curl(
      '--protocol',
      'grpc',
      '--data',
      JSON.stringify({ events: [event, { ...event, type: '' }] }),
      `${grpcUrl}/event.EventService/PublishEvents`,
    );
    expect(JSON.parse(answer)).toMatchObject({
      accepted: 1,
      rejections: [{ index: '1', code: 'REJECTION_CODE_INVALID_TYPE' }],
    });
    const health = await curl(
      '--protocol',
      'grpc',
      '--data',
      '{"service":"event.EventService"}',
      `${grpcUrl}/grpc.health.v1.Health/Check`,
    );
    expect(JSON.parse(health)).toEqual({ status: 'SERVING' });
    expect((await engine.stats()).pending).toBe(1);
  });

  it('stream batches and single events from standard input with buf curl', async () => {
    const engine = await embeddedEngine(scratch);
    const { address } = await startCollector(engine.variables, scratch);
    const stream = async (method: string, input: string) => {
      const curl = run(join(WORKSPACE, 'node_modules/.bin/buf'), [
        ...['curl', '--protocol', 'grpc', '--http2-prior-knowledge', '--data', '@-'],
        `http://${address}/event.EventService/${method}`,
      ]);
      curl.child.stdin?.end(input);
      const { stdout } = await curl;
      // One indented object after the other.
      return stdout
        .split(/(?<=^})\n/m)
        .flatMap((text) => (text ? [JSON.parse(text) as unknown] : []));
    };

    const batches = await readFile(join(WORKSPACE, 'examples/clients/batches.ndjson'), 'utf8');
    const [first, second] = [...batches.matchAll(/"batch_id":"([^"]+)"/g)].map(([, id]) => id);
    const refused = { index: '1', code: 'REJECTION_CODE_INVALID_TYPE' };
    const answers = [
      { batchId: first, accepted: 1 },
      { batchId: second, accepted: 1, rejections: [expect.objectContaining(refused)] },
    ];
    expect(await stream('PublishEventStream', batches)).toEqual(answers);
    expect(await stream('PublishEventStream', batches)).toEqual(
      answers.map((answer) => ({ ...answer, duplicate: true })),
    );
    const event = () =>
      JSON.stringify({ event_id: randomUUID(), type: 'page_view', timestamp: 1767225600000 });
    expect(await stream('StreamEvents', `${event()}\n${event()}\n`)).toEqual([
      { success: true, received: '2', accepted: '2' },
    ]);
    expect((await engine.stats()).pending).toBe(4);
  });
});
