import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '@event-pipeline/runtime';
import { Scratch, SimulatedClock } from '@event-pipeline/runtime/testing';
import { createMetrics } from '@event-pipeline/telemetry';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import { collectorConfig } from '../collector-config';
import { startCollector } from '../testing/start-collector';
import { createAccess } from './create-access';

const scratch = new Scratch();
afterEach(() => scratch.clean());

const WARNING = 'whoever reaches the gRPC port may send events';

async function warningsAt(host: string, more: Record<string, string> = {}) {
  const logs = createLogSink();
  const config = loadConfig(collectorConfig, { COLLECTOR_HOST: host, ...more });
  await createAccess(config, {
    metrics: createMetrics(),
    logger: logs.logger,
    clock: new SimulatedClock(),
  });
  return logs.lines.filter(({ level }) => level === 'warn').map(({ msg }) => msg);
}

describe('a collector that asks nobody for a token', () => {
  it.each(['127.0.0.1', '127.1.2.3', '::1', 'localhost', 'LOCALHOST'])(
    'says nothing about it on %s, which only this machine reaches',
    async (host) => expect(await warningsAt(host)).toEqual([]),
  );

  it.each(['0.0.0.0', '::', '192.0.2.1', '2001:db8::1', 'collector.example', '127.example'])(
    'warns at its start that whoever reaches %s may send events',
    async (host) => expect(await warningsAt(host)).toEqual([expect.stringContaining(WARNING)]),
  );

  it('does not warn where there is a file of principals', async () => {
    const file = join(await scratch.folder(), 'principals.json');
    writeFileSync(file, '{"principals":[]}');
    expect(await warningsAt('0.0.0.0', { AUTH_PRINCIPALS_FILE: file })).toEqual([]);
  });

  it.each(['127.0.0.1', '0.0.0.0'])('does not start on %s where AUTH_REQUIRED is true', (host) => {
    expect(() =>
      loadConfig(collectorConfig, { COLLECTOR_HOST: host, AUTH_REQUIRED: 'true' }),
    ).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message:
          'AUTH_REQUIRED is true and AUTH_PRINCIPALS_FILE is not set; expected a file of principals',
      }),
    );
  });
});

describe('JWTs', () => {
  it('need all that they are held against', () => {
    expect(() => loadConfig(collectorConfig, { AUTH_JWKS: '/k' })).toThrow(
      'AUTH_JWKS is set and AUTH_PRINCIPALS_FILE is not; expected both\n' +
        'AUTH_JWKS is set and AUTH_JWT_ISSUER is not; expected both\n' +
        'AUTH_JWKS is set and AUTH_JWT_AUDIENCE is not; expected both',
    );
  });

  it('have keys over https, or of this machine', () => {
    const more = { AUTH_PRINCIPALS_FILE: '/p', AUTH_JWT_ISSUER: 'i', AUTH_JWT_AUDIENCE: 'a' };
    const load = (AUTH_JWKS: string) => loadConfig(collectorConfig, { ...more, AUTH_JWKS });
    expect(() => load('http://issuer.example/keys')).toThrow(
      /^AUTH_JWKS cannot be used; expected https/,
    );
    expect(load('https://issuer.example/keys').authJwtToleranceMs).toBe(30_000);
  });
});

describe('a file of principals that cannot be used', () => {
  it('ends the start as a mistake of the configuration', async () => {
    await expect(
      startCollector({
        QUEUE_URL: 'redis://127.0.0.1:1',
        REDIS_COMMAND_TIMEOUT_MS: '100',
        AUTH_PRINCIPALS_FILE: '/nowhere/principals.json',
      }),
    ).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'AUTH_PRINCIPALS_FILE is "/nowhere/principals.json", which does not exist',
    });
  });
});
