import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { connect, createSecureContext, type SecureContextOptions } from 'node:tls';
import { credentials, status, type ChannelCredentials } from '@grpc/grpc-js';
import {
  FRAME,
  RawHttp2,
  Scratch,
  TestAuthority,
  grpcMessage,
  until,
  type TestPair,
} from '@event-pipeline/runtime/testing';
import { encodeEvent, encodeRequest, RawClient, validEvent } from '../testing/raw-client';
import { startCollector, type StartedCollector } from '../testing/start-collector';

const PUBLISH = '/event.EventService/PublishEvents';

const lasting = new Scratch();
const scratch = new Scratch();
let folder: string;
let authority: TestAuthority;
let stranger: TestAuthority;
let server: TestPair;
let next: TestPair;
let producer: TestPair;
let expired: TestPair;
let foreign: TestPair;

beforeAll(async () => {
  folder = await lasting.folder();
  [authority, stranger] = [await TestAuthority.create(folder), await TestAuthority.create(folder)];
  server = await authority.issue('server');
  next = await authority.issue('next');
  producer = await authority.issue('producer');
  expired = await authority.issue('expired', { expired: true });
  foreign = await stranger.issue('foreign');
});
afterAll(() => lasting.clean());
afterEach(() => scratch.clean());

let collector: StartedCollector;
/** What the collector reads; a test may replace it. */
let own: TestPair;

async function start(variables: Record<string, string> = {}): Promise<void> {
  const place = await scratch.folder();
  own = { cert: join(place, 'tls.crt'), key: join(place, 'tls.key') };
  await replace(server);
  collector = await startCollector({
    QUEUE_URL: `embedded:${join(place, 'queue')}`,
    COLLECTOR_TLS_CERT_FILE: own.cert,
    COLLECTOR_TLS_KEY_FILE: own.key,
    ...variables,
  });
  scratch.afterwards(() => collector.stop());
}

async function replace(pair: TestPair): Promise<void> {
  await copyFile(pair.cert, own.cert);
  await copyFile(pair.key, own.key);
}

const mutual = (): Record<string, string> => ({ COLLECTOR_TLS_CLIENT_CA_FILE: authority.ca });

async function contextOf(
  pair: TestPair | undefined,
  more: SecureContextOptions = {},
): Promise<SecureContextOptions> {
  const ca = await readFile(authority.ca);
  if (pair === undefined) return { ca, ...more };
  return { ca, cert: await readFile(pair.cert), key: await readFile(pair.key), ...more };
}

async function over(pair?: TestPair, more: SecureContextOptions = {}): Promise<ChannelCredentials> {
  return credentials.createFromSecureContext(createSecureContext(await contextOf(pair, more)));
}

function client(by: ChannelCredentials): RawClient {
  const made = new RawClient(collector.address, by);
  scratch.afterwards(() => made.close());
  return made;
}

const publish = (by: ChannelCredentials) =>
  client(by).publish(encodeRequest({ events: [validEvent()] }));

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${collector.httpUrl}/metrics`)).text();
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
  return Number(line?.split(' ')[1]);
}

const reloads = (result: string): Promise<number> =>
  metric(`pipeline_certificate_reloads_total{server="grpc",result="${result}"}`);

/** The name in the certificate that a new connection is shown. */
async function shownName(): Promise<string | undefined> {
  const ca = await readFile(authority.ca);
  const [host, port] = collector.address.split(':');
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), ca, ALPNProtocols: ['h2'] }, () => {
      resolve(socket.getPeerCertificate().subject.CN as string);
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

/** No older client could speak it with any server: OpenSSL's own floor is taken away. */
const TLS_1_1: SecureContextOptions = {
  minVersion: 'TLSv1',
  maxVersion: 'TLSv1.1',
  ciphers: 'DEFAULT@SECLEVEL=0',
};

describe('the gRPC port with TLS and client certificates', () => {
  it.each([
    ['a client without TLS', async () => credentials.createInsecure()],
    ['TLS 1.1', () => over(producer, TLS_1_1)],
    ['a client certificate that has expired', () => over(expired)],
    ['a client certificate of another authority', () => over(foreign)],
    ['no client certificate', () => over()],
  ])('refuses %s with UNAVAILABLE, queues nothing, and counts it', async (_, by) => {
    await start(mutual());
    const { error } = await publish(await by());
    expect(error?.code).toBe(status.UNAVAILABLE);
    const failures = 'pipeline_tls_handshake_failures_total{server="grpc"}';
    await until('it is counted', async () => (await metric(failures)) >= 1);
    expect(await metric('pipeline_events_received_total')).toBe(0);
    expect(await metric('pipeline_events_enqueued_total{partition="0"}')).toBe(0);
    expect((await publish(await over(producer))).error).toBeUndefined();
    expect(await metric('pipeline_events_enqueued_total{partition="0"}')).toBe(1);
  });

  it('says to a client of TLS 1.1 that its version is too old', async () => {
    await start();
    const { address } = collector;
    const [host, port] = address.split(':');
    const code = await new Promise((resolve) => {
      const where = { host, port: Number(port), rejectUnauthorized: false };
      const socket = connect({ ...where, ...TLS_1_1 }, () => resolve('connected'));
      scratch.afterwards(() => socket.destroy());
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    });
    expect(code).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
  });

  it('takes TLS 1.2', async () => {
    await start(mutual());
    expect((await publish(await over(producer, { maxVersion: 'TLSv1.2' }))).error).toBeUndefined();
  });

  it('is not trusted by a client that does not know the authority', async () => {
    await start();
    const { error } = await publish(credentials.createSsl(await readFile(stranger.ca)));
    expect(error?.code).toBe(status.UNAVAILABLE);
    expect((await publish(await over())).error).toBeUndefined();
  });
});

describe('new certificates on the gRPC port', () => {
  it('are shown to new connections, while a stream on an old one goes on', async () => {
    await start();
    const { call, answer } = client(await over()).openStream();
    call.write(encodeEvent(validEvent()));
    await until('it is there', async () => (await metric('pipeline_events_received_total')) === 1);
    expect(await shownName()).toBe('server');
    await replace(next);
    await until('they are shown', async () => (await shownName()) === 'next');
    expect(await reloads('taken')).toBe(1);
    call.write(encodeEvent(validEvent()));
    call.end();
    expect((await answer).response).toMatchObject({ success: true, accepted: 2 });
  });

  it('are refused where they are broken: the old ones go on, until there are right ones', async () => {
    await start();
    const expiry = 'pipeline_certificate_expiry_timestamp_seconds{server="grpc"}';
    expect(await metric(expiry)).toBe(Date.UTC(2120, 0, 1) / 1_000);
    await copyFile(next.cert, own.cert);
    await until('the half pair is refused', async () => (await reloads('refused')) === 1);
    await replace(expired);
    await until('the expired pair is refused', async () => (await reloads('refused')) === 2);
    await writeFile(own.key, 'no key');
    await until('the broken pair is refused', async () => (await reloads('refused')) === 3);
    expect(await shownName()).toBe('server');
    expect((await publish(await over())).error).toBeUndefined();
    await replace(next);
    await until('the right pair is shown', async () => (await shownName()) === 'next');
  });
});

describe('the limits of connections hold over TLS', () => {
  async function open(from = '127.0.0.2'): Promise<RawHttp2> {
    const raw = await RawHttp2.openTls(collector.address, await contextOf(undefined), from);
    scratch.afterwards(() => raw.close());
    return raw;
  }
  const hits = (limit: string) => metric(`pipeline_limit_hits_total{limit="${limit}"}`);
  const greeted = (raw: RawHttp2) =>
    until('the greeting is answered', () => raw.of(FRAME.settings).length > 0);
  const closed = (raw: RawHttp2) => until('it is closed', () => raw.isClosed);
  const isConnections = (count: number) => async () =>
    (await metric('pipeline_connections')) === count;

  it('for the number of connections of an address, and those that ended make room', async () => {
    await start({ COLLECTOR_MAX_CONNECTIONS_PER_ADDRESS: '1' });
    const first = await open();
    await greeted(first);
    await closed(await open());
    expect(await hits('address-connections')).toBe(1);
    expect(await metric('pipeline_connections')).toBe(1);
    first.close();
    await until('it is gone', isConnections(0));
    await greeted(await open());
  });

  it('for connections that begin no TLS, or nothing behind it', async () => {
    await start({ COLLECTOR_HANDSHAKE_MS: '300' });
    const silent = await RawHttp2.dial(collector.address);
    scratch.afterwards(() => silent.close());
    const [host, port] = collector.address.split(':');
    const context = { ...(await contextOf(undefined)), ALPNProtocols: ['h2'] };
    const mute = connect({ host, port: Number(port), ...context });
    scratch.afterwards(() => mute.destroy());
    mute.on('error', () => undefined).resume();
    await closed(silent);
    await until('the mute one is closed', () => mute.destroyed);
    await until('both are gone', isConnections(0));
  });

  it('for pings: a flood is cut, and one ping for each answer is none', async () => {
    await start({ COLLECTOR_MAX_PINGS_PER_MINUTE: '10' });
    const busy = await open('127.0.0.3');
    for (let count = 0; count < 40; count++) {
      const stream = busy.begin(PUBLISH);
      busy.data(stream, grpcMessage(encodeRequest({ events: [validEvent()] })), true);
      const trailer = () => busy.of(FRAME.headers, stream).some(({ flags }) => (flags & 1) === 1);
      await until('it is answered', trailer);
      busy.ping();
      await until('the ping is answered', () => busy.of(FRAME.ping).length === count + 1);
    }
    expect(await hits('pings')).toBe(0);
    const flood = await open();
    await greeted(flood);
    for (let count = 0; count < 40; count++) flood.ping();
    await closed(flood);
    expect(await hits('pings')).toBe(1);
  });
});

describe('the HTTP port with TLS', () => {
  interface Answer {
    readonly code: number | undefined;
    readonly body: string;
  }

  async function ask(path: string, pair?: TestPair): Promise<Answer> {
    const context = await contextOf(pair);
    const { port } = new URL(collector.httpUrl);
    return new Promise((resolve, reject) => {
      const asked = request({ host: '127.0.0.1', port, path, agent: false, ...context }, (from) => {
        let body = '';
        from.on('data', (chunk) => (body += String(chunk)));
        from.on('end', () => resolve({ code: from.statusCode, body }));
      });
      asked.on('error', reject);
      asked.end();
    });
  }
  const startHttp = (variables: Record<string, string> = {}): Promise<void> =>
    start({ HTTP_TLS_CERT_FILE: server.cert, HTTP_TLS_KEY_FILE: server.key, ...variables });

  it('answers over TLS, and not without it', async () => {
    await startHttp();
    expect(await ask('/livez')).toEqual({ code: 200, body: 'ok\n' });
    expect((await ask('/metrics')).body).toContain('pipeline_events_received_total');
    await expect(fetch(`${collector.httpUrl}/livez`)).rejects.toThrow();
  });

  it('shows more than the probes only to a client with a certificate, where a CA is set', async () => {
    await startHttp({ HTTP_TLS_CLIENT_CA_FILE: authority.ca });
    expect((await ask('/livez')).code).toBe(200);
    expect((await ask('/readyz?verbose')).code).toBe(200);
    for (const pair of [undefined, foreign, expired]) {
      expect((await ask('/metrics', pair)).code).toBe(403);
    }
    expect((await ask('/metrics', producer)).code).toBe(200);
  });
});
