import { readFile } from 'node:fs/promises';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, Server, type AddressInfo } from 'node:net';
import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import { systemClock } from '@event-pipeline/runtime';
import { Scratch, TestAuthority } from '@event-pipeline/runtime/testing';
import { checkGrpcPort, checkHttpPort } from './port-check';

const scratch = new Scratch();
afterEach(async () => {
  jest.restoreAllMocks();
  await scratch.clean();
});

/** Every listen fails as it does for a user without the right to a port below 1024. */
function forbidPorts(): void {
  jest.spyOn(Server.prototype, 'listen').mockImplementation(function (this: Server) {
    const error = Object.assign(new Error('listen EACCES'), { code: 'EACCES' });
    process.nextTick(() => this.emit('error', error));
    return this;
  });
}

it.each([
  ['HTTP', () => checkHttpPort('worker', 80, 'WORKER_HTTP_PORT'), 'WORKER_HTTP_PORT'],
  ['gRPC', () => checkGrpcPort(80, systemClock), 'COLLECTOR_PORT'],
])('a %s port that this user may not have is not taken by anybody', async (_, check, variable) => {
  forbidPorts();
  expect(await check()).toMatchObject({
    level: 'problem',
    value: 'EACCES',
    change: [expect.stringContaining(`${variable}=`)],
  });
});

it('a port that somebody has is taken', async () => {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  expect(await checkHttpPort('worker', port, 'V')).toMatchObject({
    value: expect.stringContaining('taken'),
  });
  expect(await checkGrpcPort(port, systemClock)).toMatchObject({
    value: 'taken by another program',
  });
  await new Promise((resolve) => server.close(resolve));
});

describe('a port that speaks TLS', () => {
  async function certificates() {
    const authority = await TestAuthority.create(await scratch.folder());
    const { cert, key } = await authority.issue('server');
    const [ca, certificate, secret] = await Promise.all(
      [authority.ca, cert, key].map((file) => readFile(file)),
    );
    return { ca: ca!, cert: certificate!, key: secret! };
  }

  it('is asked over TLS for readiness', async () => {
    const server = createHttpsServer(await certificates(), (_, response) => {
      response.end(JSON.stringify({ ready: true, reason: 'ok' }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    scratch.afterwards(() => new Promise((resolve) => server.close(resolve)));
    const { port } = server.address() as AddressInfo;
    expect(await checkHttpPort('worker', port, 'V')).toMatchObject({
      value: 'the worker is ready',
    });
  });

  it.each([
    ['is asked over TLS for health', false, 'a collector serves'],
    ['is known as one where it asks for a certificate', true, 'a server over TLS'],
  ])('of gRPC %s', async (_, asksClients, value) => {
    const { ca, cert, key } = await certificates();
    const server = new GrpcServer();
    scratch.afterwards(() => server.forceShutdown());
    const [path, answer] = ['/grpc.health.v1.Health/Check', Buffer.from([0x08, 1])];
    const same = (bytes: Buffer) => bytes;
    const codec = { requestSerialize: same, requestDeserialize: same, responseSerialize: same };
    const method = { path, requestStream: false, responseStream: false, ...codec };
    server.addService(
      { check: { ...method, responseDeserialize: same } },
      { check: (_call: unknown, done: (error: null, bytes: Buffer) => void) => done(null, answer) },
    );
    const pair = [{ private_key: key, cert_chain: cert }];
    const by = ServerCredentials.createSsl(ca, pair, asksClients);
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', by, (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    expect(await checkGrpcPort(port, systemClock)).toMatchObject({ value });
  });
});
