import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { EventServiceClient } from '@event-pipeline/contracts';
import { systemClock, systemRandom } from '@event-pipeline/runtime';
import { batchMode } from './batch-sender';
import { openClients, waitForCollector } from './collector-clients';
import { EventFeed } from './event-feed';
import { GeneratedEvents } from './event-generator';
import { Tally } from './tally';
import { ScriptedCollector, type BatchStreamHandler } from './testing/scripted-collector';

const EVENTS = 30;

describe('a stream of batches that gets no answer', () => {
  let collector: ScriptedCollector;
  let client: EventServiceClient;
  const start = async (...batchStreams: BatchStreamHandler[]) => {
    collector = await new ScriptedCollector({ batchStreams }).start();
    return collector.address;
  };
  afterEach(() => {
    client.close();
    collector.stop();
  });

  /** Sends in three batches; resolves when each event is accounted for. */
  async function send(address: string, answerMs: number) {
    const clock = systemClock;
    const { signal } = new AbortController();
    [client] = openClients(address, 1) as [EventServiceClient];
    const deps = { clock, random: systemRandom };
    const source = new GeneratedEvents({ count: EVENTS, types: ['a'], seed: 1 }, deps);
    const tally = new Tally();
    const notices: string[] = [];
    await batchMode.send({
      client,
      feed: new EventFeed({ source, rate: 0, clock, stop: signal }),
      tally,
      ...deps,
      limits: { batchSize: 10, windowBytes: 1_000_000, requestMs: 10_000, answerMs },
      stop: signal,
      giveUp: signal,
      beforeRetry: async () => {
        while (!(await waitForCollector([client], { clock, timeoutMs: 1_000 }, signal)));
      },
      stopRun: (reason) => {
        throw new Error(reason);
      },
      notice: (text) => notices.push(text),
    });
    return { tally, notices };
  }

  it('is sent again under the same batch ids', async () => {
    const { tally, notices } = await send(await start(() => undefined), 3_000);
    const [first, second] = collector.batchStreams.map((one) => one.map(({ batchId }) => batchId));
    expect(second).toEqual(first);
    expect(tally).toMatchObject({ acknowledged: EVENTS, resent: EVENTS, unknown: 0 });
    expect(notices).toEqual([expect.stringMatching(/no answer to a batch within 3 s; 30 events/)]);
  });

  it('leaves a connection that swallows everything, and goes on with another one', async () => {
    const address = await start();
    const hole = await BlackHole.before(Number(address.split(':')[1]));
    try {
      const { tally } = await send(hole.address, 1_000);
      expect(hole.connections).toBeGreaterThan(1);
      expect(tally).toMatchObject({ acknowledged: EVENTS, unknown: 0 });
    } finally {
      hole.stop();
    }
  }, 60_000);
});

/** A way to a server whose first connection takes everything and passes on nothing after the greeting. */
class BlackHole {
  connections = 0;
  private readonly sockets: Socket[] = [];
  private readonly server = createServer((from) => this.pass(from));

  private constructor(private readonly port: number) {}

  static async before(port: number): Promise<BlackHole> {
    const hole = new BlackHole(port);
    hole.server.listen(0, '127.0.0.1');
    await once(hole.server, 'listening');
    return hole;
  }

  get address(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }

  private pass(from: Socket): void {
    const isHole = this.connections++ === 0;
    const to = connect(this.port, '127.0.0.1');
    this.sockets.push(from, to);
    for (const socket of [from, to]) socket.on('error', () => undefined);
    from.on('close', () => to.destroy());
    to.on('close', () => from.destroy());
    to.pipe(from);
    if (!isHole) from.pipe(to);
    else from.once('data', (greeting: Buffer) => to.write(greeting));
  }
}
