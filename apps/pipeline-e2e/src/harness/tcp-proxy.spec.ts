import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Scratch } from './scratch';
import { TcpProxy } from './tcp-proxy';
import { until } from './until';

const scratch = new Scratch();
afterEach(() => scratch.clean());

/** A server that answers each line with the same line, and what it was told. */
async function echoBehindProxy() {
  const heard: string[] = [];
  const sockets = new Set<Socket>();
  let ended = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      ended += 1;
      sockets.delete(socket);
    });
    socket.on('data', (bytes: Buffer) => {
      heard.push(bytes.toString());
      socket.write(bytes);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scratch.afterwards(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const proxy = await TcpProxy.start(address, scratch);
  return { proxy, heard: () => heard.join(''), ended: () => ended };
}

/** A connection through the proxy: what it was answered, and how it ended. */
async function clientOf(proxy: TcpProxy) {
  const socket = connect(Number(proxy.address.split(':')[1]), '127.0.0.1');
  scratch.afterwards(() => socket.destroy());
  const client = { socket, answered: '', end: undefined as string | undefined };
  socket.on('data', (bytes: Buffer) => (client.answered += bytes.toString()));
  socket.on('error', (error: NodeJS.ErrnoException) => (client.end = error.code ?? 'error'));
  socket.on('close', () => (client.end ??= 'closed'));
  await once(socket, 'connect');
  return client;
}

const answered = (client: { answered: string }, text: string) =>
  until(`"${text}" is answered`, () => client.answered === text, 5_000);
const reset = (client: { end: string | undefined }) =>
  until('the client sees a reset', () => client.end === 'ECONNRESET', 5_000);

describe('the proxy', () => {
  it('passes bytes, and an orderly end', async () => {
    const { proxy, ended } = await echoBehindProxy();
    const client = await clientOf(proxy);
    client.socket.write('hello');
    await answered(client, 'hello');
    client.socket.end();
    await until('both sides have ended', () => client.end === 'closed' && ended() === 1, 5_000);
    expect(proxy).toMatchObject({ connections: 1, cuts: 0, open: 0 });
  });

  it('passes more than the sockets hold, unchanged, with and without a delay', async () => {
    const { proxy } = await echoBehindProxy();
    const client = await clientOf(proxy);
    const text = Array.from({ length: 300_000 }, (_, n) => `${n};`).join('');
    client.socket.write(text);
    await answered(client, text);
    client.answered = '';
    proxy.delay(5);
    client.socket.write(text);
    await answered(client, text);
  });

  it('delays what passes, and no longer once it passes again', async () => {
    const { proxy } = await echoBehindProxy();
    const client = await clientOf(proxy);
    proxy.delay(150, ['toServer']);
    const start = performance.now();
    client.socket.write('late');
    await answered(client, 'late');
    // The timer's own clock is coarser by a millisecond.
    expect(performance.now() - start).toBeGreaterThan(145);
    proxy.pass();
    client.socket.write('r');
    await answered(client, 'later');
  });

  it.each(['toServer', 'toClient'] as const)(
    'is a black hole in the direction %s: nothing arrives, not even the end, until it passes again',
    async (direction) => {
      const { proxy, heard, ended } = await echoBehindProxy();
      const client = await clientOf(proxy);
      proxy.blackHole([direction]);
      client.socket.write('first');
      const second = await clientOf(proxy);
      second.socket.write('second');
      if (direction === 'toClient') {
        await until('the server hears both', () => /first/.test(heard()) && /second/.test(heard()));
        expect(client.answered + second.answered).toBe('');
      } else {
        second.socket.resetAndDestroy();
        // Another connection, after it: whatever was to pass has passed.
        await clientOf(proxy);
        expect([heard(), ended()]).toEqual(['', 0]);
      }
      proxy.pass();
      await answered(client, 'first');
    },
  );

  it('refuses new connections while open ones go on', async () => {
    const { proxy } = await echoBehindProxy();
    const client = await clientOf(proxy);
    proxy.refuse();
    const refused = await clientOf(proxy).catch(() => ({ end: 'ECONNRESET' }));
    await reset(refused);
    client.socket.write('on');
    await answered(client, 'on');
    proxy.pass();
    const next = await clientOf(proxy);
    next.socket.write('again');
    await answered(next, 'again');
  });

  it('resets every open connection at once, at both ends', async () => {
    const { proxy, ended } = await echoBehindProxy();
    const clients = [await clientOf(proxy), await clientOf(proxy)];
    for (const client of clients) {
      client.socket.write('x');
      await answered(client, 'x');
    }
    proxy.resetAll();
    for (const client of clients) await reset(client);
    await until('the server has lost them', () => ended() === 2, 5_000);
    expect(proxy.cuts).toBe(2);
  });

  it('cuts after so many bytes: exactly those have arrived', async () => {
    const { proxy, heard } = await echoBehindProxy();
    const client = await clientOf(proxy);
    proxy.cutAfter('toServer', 7);
    client.socket.write('0123');
    await answered(client, '0123');
    client.socket.write('456789');
    await reset(client);
    await until('the server has the seven', () => heard() === '0123456', 5_000);
    expect(proxy.cuts).toBe(1);
  });

  it('loses the reply to one request: the server has done it, the client sees a reset', async () => {
    const { proxy, heard } = await echoBehindProxy();
    const client = await clientOf(proxy);
    const lost = proxy.loseReply({ request: (bytes) => bytes.includes('two'), swallowMs: 20 });
    client.socket.write('one');
    await answered(client, 'one');
    client.socket.write('two');
    await lost;
    await reset(client);
    expect(heard()).toBe('onetwo');
    expect(client.answered).toBe('one');
    const next = await clientOf(proxy);
    next.socket.write('two');
    await answered(next, 'two');
  });
});
