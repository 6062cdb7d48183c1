import { createServer, Server, type AddressInfo } from 'node:net';
import { systemClock } from '@event-pipeline/runtime';
import { checkGrpcPort, checkHttpPort } from './port-check';

afterEach(() => jest.restoreAllMocks());

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
