import { type AddressInfo, type Server, createServer } from 'node:net';
import { loadConfig } from '@event-pipeline/runtime';
import { chooseAddresses } from './addresses';
import { quickstartConfig, queueUrlFor } from './quickstart-config';

describe('the addresses of the programs', () => {
  let taken: Server;
  let takenPort: string;
  beforeAll(async () => {
    taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    takenPort = String((taken.address() as AddressInfo).port);
  });
  afterAll(() => taken.close());
  const free = { COLLECTOR_PORT: '0', COLLECTOR_HTTP_PORT: '0', WORKER_HTTP_PORT: '0' };
  const choose = (env: NodeJS.ProcessEnv) => chooseAddresses(loadConfig(quickstartConfig, env));

  it('are chosen before the programs start, where any will do', async () => {
    const { grpc, collectorHttp, workerHttp } = await choose(free);
    for (const { port } of [grpc, collectorHttp, workerHttp]) expect(port).toBeGreaterThan(0);
  });

  it.each(['COLLECTOR_PORT', 'COLLECTOR_HTTP_PORT', 'WORKER_HTTP_PORT'])(
    'are refused in one line that names %s where the port it sets is taken',
    async (variable) => {
      await expect(choose({ ...free, [variable]: takenPort })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(
          new RegExp(`^Port ${takenPort} is in use by .* another: ${variable}=\\d+ npm start$`),
        ),
      });
    },
  );

  it('give way where a default HTTP port is taken', async () => {
    const config = loadConfig(quickstartConfig, free);
    const workerHttpPort = { port: Number(takenPort), portIsDefault: true };
    const { workerHttp } = await chooseAddresses({ ...config, workerHttpPort });
    expect(workerHttp.port).not.toBe(Number(takenPort));
  });

  it('are refused where this machine has no such address', async () => {
    await expect(choose({ ...free, COLLECTOR_HOST: '192.0.2.1' })).rejects.toThrow(
      /^COLLECTOR_HOST is 192\.0\.2\.1: this machine has no such address\.$/,
    );
  });
});

describe('the queue', () => {
  const urlFor = (env: NodeJS.ProcessEnv) =>
    queueUrlFor(loadConfig(quickstartConfig, env), '/data');

  it('is embedded unless the environment names another', () => {
    expect(urlFor({})).toBe('embedded:/data/queue');
    expect(urlFor({ REDIS_HOST: '', QUEUE_URL: '' })).toBe('embedded:/data/queue');
    expect(urlFor({ QUEUE_URL: 'redis://example:1' })).toBe('redis://example:1');
    expect(urlFor({ REDIS_HOST: 'example' })).toBeUndefined();
  });
});
