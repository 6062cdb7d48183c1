import { randomUUID } from 'node:crypto';
import { credentials, Metadata } from '@grpc/grpc-js';
import {
  Event,
  EventServiceClient,
  type PublishEventsResponse,
  type StreamSummary,
} from '@event-pipeline/contracts';
import { systemClock } from '@event-pipeline/runtime';
import { startCollector, startWorker, type Program } from './harness/program';
import { embeddedEngine } from './harness/queue-engine';
import { Scratch } from './harness/scratch';
import { until } from './harness/until';

const scratch = new Scratch();
afterEach(() => scratch.clean());

const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;
/** A line may have 16 KiB of fields, each character of which may be escaped. */
const MAX_LINE = 6 * 16_384;
const MIB = 'x'.repeat(1_048_576);
const HOSTILE = [
  '\n{"level":"fatal","msg":"forged"}\n',
  '\u001b[2J\u001b[31mred\u001b]0;title\u0007',
  '\r\rover the line',
  '\u202egnp.exe\u2066',
  '\u0085\u009b1m\u2028\u2029',
  '\u0000\u0001\u007f',
  '%s %j %n ${jndi:ldap://127.0.0.1/x}',
  MIB,
  `${'\n'.repeat(100_000)}end`,
];

function openClient(address: string): EventServiceClient {
  const client = new EventServiceClient(address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': 16 * 1_048_576,
  });
  scratch.afterwards(() => client.close());
  return client;
}

const event = (given: Partial<Event>): Event =>
  Event.fromPartial({
    eventId: randomUUID(),
    type: 'order_placed',
    timestamp: systemClock.now(),
    ...given,
  });

function publish(client: EventServiceClient, events: Event[], metadata = new Metadata()) {
  return new Promise<PublishEventsResponse>((resolve, reject) => {
    client.publishEvents({ batchId: '', events }, metadata, (error, answer) =>
      error ? reject(error) : resolve(answer),
    );
  });
}

function stream(client: EventServiceClient, events: readonly Event[]) {
  return new Promise<StreamSummary>((resolve, reject) => {
    const call = client.streamEvents((error, answer) => (error ? reject(error) : resolve(answer)));
    for (const each of events) call.write(each);
    call.end();
  });
}

/** Every line of a program is one of its own: bounded, printable, and JSON where it logs. */
function expectPlainLines({ output }: Program): void {
  expect(output.length).toBeGreaterThan(0);
  for (const line of output) {
    expect(line.length).toBeLessThan(MAX_LINE);
    expect(UNPRINTABLE.test(line)).toBe(false);
    const { msg, level } = JSON.parse(line) as { msg: string; level: string };
    expect(msg).not.toBe('forged');
    expect(level).not.toBe('fatal');
  }
}

describe('the log', () => {
  it('holds what producers write in bounded, printable lines, at debug level too', async () => {
    const engine = await embeddedEngine(scratch);
    const debug = { ...engine.variables, LOG_LEVEL: 'debug', LOG_FORMAT: 'json' };
    const { address, program: collector } = await startCollector(debug, scratch);
    const { program: worker } = await startWorker(debug, scratch);
    const client = openClient(address);
    const bad = HOSTILE.flatMap((text) => [
      event({ eventId: text }),
      event({ type: text }),
      event({ source: text }),
    ]);
    for (const each of bad) {
      // What the contract lets pass as a text (a source, say) may be accepted.
      const answer = await publish(client, [each]);
      expect(answer.accepted + answer.rejections.length).toBe(1);
    }
    const summary = await stream(client, bad);
    expect(summary.rejected).toBeGreaterThan(2 * HOSTILE.length - 1);
    await publish(client, [event({})]);
    // The worker hears of the types that other programs push into the queue by hand, too.
    await engine.untilEmpty();
    await until('the lines have come', () =>
      collector.output.some((line) => line.includes('invalid_type')),
    );
    expectPlainLines(collector);
    expectPlainLines(worker);
  }, 60_000);

  it('shows no token that came with a call, at debug level too', async () => {
    const engine = await embeddedEngine(scratch);
    const debug = { ...engine.variables, LOG_LEVEL: 'trace', LOG_FORMAT: 'json' };
    const { address, program } = await startCollector(debug, scratch);
    const client = openClient(address);
    const metadata = new Metadata();
    metadata.set('authorization', 'Bearer very-secret');
    metadata.set('x-api-key', 'very-secret');
    await publish(client, [event({}), event({ type: '!' })], metadata);
    await expect(
      new Promise((resolve, reject) => {
        const request = { batchId: 'not a uuid', events: [] };
        client.publishEvents(request, metadata, (error, answer) =>
          error ? reject(error) : resolve(answer),
        );
      }),
    ).rejects.toMatchObject({ details: expect.stringContaining('batch_id') as string });
    await program.stop();
    expect(program.output.length).toBeGreaterThan(0);
    expect(program.output.join('\n')).not.toContain('very-secret');
  }, 60_000);

  it('has debug lines from SIGUSR2 on, and none from the next one', async () => {
    const engine = await embeddedEngine(scratch);
    const { address, program } = await startCollector(engine.variables, scratch);
    const { program: worker } = await startWorker(engine.variables, scratch);
    const client = openClient(address);
    const changes = (of: Program) =>
      of.output.filter((line) => line.includes('the log level was changed')).length;
    const change = async (to: number) => {
      for (const each of [program, worker]) {
        each.signal('SIGUSR2');
        await until('the level has changed', () => changes(each) === to);
      }
    };
    const rejected = (of: readonly string[], id: string) =>
      of.some((line) => line.includes('"level":"debug"') && line.includes(id));
    const send = async () => {
      const [bad, good] = [event({ type: '!' }), event({})];
      await publish(client, [bad, good]);
      await engine.untilEmpty();
      return { bad: bad.eventId, good: good.eventId };
    };
    const before = await send();
    await change(1);
    const during = await send();
    await until('the worker has named it', () => rejected(worker.output, during.good));
    expect(rejected(program.output, during.bad)).toBe(true);
    await change(2);
    const after = await send();
    await Promise.all([program.stop(), worker.stop()]);
    for (const { bad, good } of [before, after]) {
      expect(rejected(program.output, bad)).toBe(false);
      expect(rejected(worker.output, good)).toBe(false);
    }
  }, 60_000);
});
