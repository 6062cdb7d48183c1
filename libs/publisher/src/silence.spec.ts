import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Publisher } from './publisher';
import { numbered } from './testing/event-list';
import { ScriptedCollector, type BatchStreamHandler } from './testing/scripted-collector';

const EVENTS = 30;

describe('a stream of batches that gets no answer', () => {
  let collector: ScriptedCollector;
  let publisher: Publisher;
  const start = async (...batchStreams: BatchStreamHandler[]) => {
    collector = await new ScriptedCollector({ batchStreams }).start();
    return collector.address;
  };
  afterEach(async () => {
    await publisher.close({ timeoutMs: 0 });
    collector.stop();
  });

  /** Sends in three batches. */
  async function send(address: string, answerTimeoutMs: number) {
    const texts: string[] = [];
    let resent = 0;
    publisher = new Publisher({
      collectors: address,
      maxBatchEvents: 10,
      answerTimeoutMs,
      observer: {
        onResent: (events) => (resent += events),
        onTrouble: ({ text }) => texts.push(text),
      },
    });
    const { accepted } = await publisher.publishMany(numbered(EVENTS));
    return { accepted, resent, texts };
  }

  it('is sent again under the same batch ids', async () => {
    const { accepted, resent, texts } = await send(await start(() => undefined), 1_000);
    const [first, second] = collector.batchStreams.map((one) => one.map(({ batchId }) => batchId));
    expect(second).toEqual(first);
    expect({ accepted, resent }).toEqual({ accepted: EVENTS, resent: EVENTS });
    expect(texts).toEqual(['DEADLINE_EXCEEDED: no answer to a batch within 1 s']);
  });

  it('leaves a connection that swallows everything, and goes on with another one', async () => {
    const address = await start();
    const hole = await BlackHole.before(Number(address.split(':')[1]));
    try {
      const { accepted } = await send(hole.address, 1_000);
      expect(hole.connections).toBeGreaterThan(1);
      expect(accepted).toBe(EVENTS);
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
