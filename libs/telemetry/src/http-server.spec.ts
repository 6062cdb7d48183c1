import { request, type IncomingMessage } from 'node:http';
import { createServer, connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { PipelineError } from '@event-pipeline/runtime';
import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { createHttpServer, type HttpServer, type HttpServerOptions } from './http-server';
import { createMetrics } from './metrics';
import { createLogSink, type LogSink } from './testing';

const never = new AbortController().signal;
let sink: LogSink;
const running: HttpServer[] = [];

/** A server on a free port, not started. */
function createTestServer(options: Partial<HttpServerOptions> = {}): HttpServer {
  sink = createLogSink();
  const server = createHttpServer({
    name: 'http',
    host: '127.0.0.1',
    port: 0,
    portIsDefault: false,
    readiness: async () => ({ ready: true, reason: 'all is well' }),
    metrics: createMetrics(),
    logger: sink.logger,
    ...options,
  });
  running.push(server);
  return server;
}

async function startServer(options: Partial<HttpServerOptions> = {}): Promise<HttpServer> {
  const server = createTestServer(options);
  await server.start();
  return server;
}

afterEach(async () => {
  const over = AbortSignal.abort();
  await Promise.all(running.splice(0).map((server) => server.stop(over)));
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

function ask(
  { address }: HttpServer,
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', headers = {} } = options;
    const asking = request({ ...address, path, method, headers, agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk) => (body += String(chunk)));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
    });
    asking.on('error', reject);
    asking.end(options.body);
  });
}

/** Metrics that are shown only when the test says so. */
function holdMetrics() {
  let answer: (text: string) => void = () => undefined;
  let notify: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => (notify = resolve));
  const text = () => {
    notify();
    return new Promise<string>((resolve) => (answer = resolve));
  };
  const metrics = { contentType: 'text/plain', text };
  return { metrics, asked, answer: (shown: string) => answer(shown) };
}

/** A bare connection to the server. */
async function dial({ address }: HttpServer): Promise<Socket> {
  const socket = connect(address.port, address.host);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

describe('the HTTP server', () => {
  it('says that the process lives', async () => {
    const answer = await ask(await startServer(), '/livez');
    expect(answer).toMatchObject({ status: 200, body: 'ok\n' });
  });

  it('says that the process has to be restarted once it is stuck, and why', async () => {
    let stalled: string | undefined = undefined;
    const server = await startServer({ stalled: () => stalled });
    expect(await ask(server, '/livez')).toMatchObject({ status: 200, body: 'ok\n' });
    stalled = 'no lease for 5 minutes';
    expect(await ask(server, '/livez')).toMatchObject({
      status: 503,
      body: 'no lease for 5 minutes\n',
    });
  });

  it('says with 200 that the program is ready, with 503 that it is not, and why', async () => {
    let readiness = { ready: true, reason: 'all is well' };
    const server = await startServer({ readiness: async () => readiness });
    const ready = await ask(server, '/readyz?verbose');
    expect(ready).toMatchObject({ status: 200, body: '{"ready":true,"reason":"all is well"}\n' });
    expect(ready.headers['content-type']).toBe('application/json');
    readiness = { ready: false, reason: 'draining' };
    expect(await ask(server, '/readyz')).toMatchObject({
      status: 503,
      body: '{"ready":false,"reason":"draining"}\n',
    });
  });

  it('takes a readiness that fails or does not answer within 2 s for not ready', async () => {
    const failing = await startServer({
      readiness: () => Promise.reject(new PipelineError('QUEUE_UNAVAILABLE', 'no Redis')),
    });
    expect(await ask(failing, '/readyz')).toMatchObject({
      status: 503,
      body: '{"ready":false,"reason":"no Redis"}\n',
    });
    const clock = new SimulatedClock();
    const asked = jest.fn(() => new Promise<never>(() => undefined));
    const hanging = await startServer({ clock, readiness: asked });
    const answers = [ask(hanging, '/readyz'), ask(hanging, '/readyz')];
    await clock.untilSleeping(2);
    await clock.advance(2_000);
    for (const answer of await Promise.all(answers)) {
      expect(answer).toMatchObject({
        status: 503,
        body: '{"ready":false,"reason":"no answer within 2000 ms"}\n',
      });
    }
    expect(asked).toHaveBeenCalledTimes(1);
  });

  it('shows the metrics in the form that Prometheus reads', async () => {
    const metrics = createMetrics();
    metrics.eventsReceived.add(12);
    const answer = await ask(await startServer({ metrics }), '/metrics');
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe(metrics.contentType);
    expect(answer.body).toContain('pipeline_events_received_total 12\n');
  });

  it('answers 500 and logs why when the metrics cannot be shown', async () => {
    const metrics = { contentType: '', text: () => Promise.reject(new Error('broken')) };
    const answer = await ask(await startServer({ metrics }), '/metrics');
    expect(answer.status).toBe(500);
    expect(answer.body).not.toContain('broken');
    expect(sink.lines.at(-1)).toMatchObject({ level: 'error', err: { message: 'broken' } });
  });

  it('answers HEAD as GET without the body', async () => {
    const answer = await ask(await startServer(), '/livez', { method: 'HEAD' });
    expect(answer).toMatchObject({ status: 200, body: '', headers: { 'content-length': '3' } });
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('refuses %s', async (method) => {
    const answer = await ask(await startServer(), '/livez', { method });
    expect(answer).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
  });

  it.each(['/', '/livez/', '/LIVEZ', '/metrics/../livez', '//livez', '/%6civez', '/favicon.ico'])(
    'answers 404 for %s',
    async (path) => {
      expect((await ask(await startServer(), path)).status).toBe(404);
    },
  );

  it('does not keep a connection whose request has a body', async () => {
    const answer = await ask(await startServer(), '/livez', {
      headers: { connection: 'keep-alive', 'content-length': '100000' },
      body: 'x'.repeat(100_000),
    });
    expect(answer).toMatchObject({ status: 200, headers: { connection: 'close' } });
  });
});

describe('a client of the HTTP server', () => {
  it('that sends nothing, or headers without end, is cut off', async () => {
    const server = await startServer({ limits: { headersTimeoutMs: 50, requestTimeoutMs: 50 } });
    const silent = await dial(server);
    const endless = await dial(server);
    endless.write('GET /livez HTTP/1.1\r\nx-header: ');
    await Promise.all([silent, endless].map((socket) => once(socket.resume(), 'close')));
  });

  it('that sends too many headers is refused', async () => {
    const headers = { 'x-large': 'x'.repeat(10_000) };
    expect((await ask(await startServer(), '/livez', { headers })).status).toBe(431);
  });

  it('that speaks something else is refused', async () => {
    const socket = await dial(await startServer());
    socket.end('\u0016\u0003\u0001 not HTTP\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('above the limit of connections is cut off, and the others are served', async () => {
    const server = await startServer({ limits: { maxConnections: 2 } });
    const kept = await dial(server);
    await dial(server);
    const refused = connect(server.address.port, server.address.host);
    refused.on('error', () => undefined);
    await once(refused, 'close');
    kept.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n');
    expect(String(await once(kept, 'data'))).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('the port of the HTTP server', () => {
  it('is named in a log line, with what is served there', async () => {
    const server = await startServer();
    const url = `http://127.0.0.1:${server.address.port}`;
    expect(server.address.port).toBeGreaterThan(0);
    expect(sink.messages).toEqual([`${url} serves /livez, /readyz and /metrics`]);
  });

  it('is a free one where the default is taken, logged with the variable that sets it', async () => {
    const taken = await startServer();
    const { port } = taken.address;
    const server = await startServer({ port, portIsDefault: true, portVariable: 'APP_HTTP_PORT' });
    expect(server.address.port).not.toBe(port);
    expect(sink.messages).toEqual([
      `port ${port} is taken: http://127.0.0.1:${server.address.port} serves /livez, /readyz and ` +
        '/metrics (set APP_HTTP_PORT to choose one)',
    ]);
    expect((await ask(server, '/livez')).status).toBe(200);
  });

  it('that was set and is taken fails the start with one clear line', async () => {
    const { port } = (await startServer()).address;
    const server = createTestServer({ port, portVariable: 'APP_HTTP_PORT' });
    await expect(server.start()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message:
        `APP_HTTP_PORT: port ${port} on 127.0.0.1 is taken; ` +
        'stop what uses it or choose another port',
    });
    await server.stop(never);
  });

  it.each([
    ['203.0.113.1', 'this machine has no address 203.0.113.1'],
    ['no-such-host.invalid', 'no host is named no-such-host.invalid'],
  ])('cannot be on %s, and one clear line says so', async (host, reason) => {
    const server = createTestServer({ host, portIsDefault: true });
    const error = await server.start().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    expect((error as Error).message).toContain(reason);
  });
});

describe('stopping the HTTP server', () => {
  it('ends connections that wait for nothing, and closes the port', async () => {
    // No limit of time ends them: the clock stands still.
    const server = await startServer({
      clock: new SimulatedClock(),
      limits: { headersTimeoutMs: 600_000, requestTimeoutMs: 600_000, idleTimeoutMs: 600_000 },
    });
    const silent = await dial(server);
    const halfAsked = await dial(server);
    halfAsked.write('GET /livez HTTP/1.1\r\n');
    const keptAlive = await dial(server);
    keptAlive.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(keptAlive, 'data');
    const sockets = [silent, halfAsked, keptAlive];
    const closed = Promise.all(sockets.map((socket) => once(socket.resume(), 'close')));
    await server.stop(never);
    await closed;
    const reused = createServer().listen(server.address.port, '127.0.0.1');
    await once(reused, 'listening');
    reused.close();
  });

  it('lets an answer in progress end, then its connection', async () => {
    const held = holdMetrics();
    const server = await startServer({ metrics: held.metrics });
    const answered = ask(server, '/metrics', { headers: { connection: 'keep-alive' } });
    await held.asked;
    const stopped = server.stop(never);
    held.answer('all of it');
    expect(await answered).toMatchObject({
      status: 200,
      body: 'all of it',
      headers: { connection: 'close' },
    });
    await stopped;
  });

  it.each(['the grace', 'its own 5 s'])(
    'gives up an answer that does not end when %s is over',
    async (limit) => {
      const clock = new SimulatedClock();
      const held = holdMetrics();
      const server = await startServer({ clock, metrics: held.metrics });
      const answered = expect(ask(server, '/metrics')).rejects.toThrow('socket hang up');
      await held.asked;
      const grace = new AbortController();
      const stopped = server.stop(grace.signal);
      if (limit === 'the grace') grace.abort();
      else await clock.advance(5_000);
      await stopped;
      await answered;
    },
  );

  it('is safe before the start and twice', async () => {
    const server = createTestServer();
    await server.stop(never);
    const started = await startServer();
    await Promise.all([started.stop(never), started.stop(never)]);
    await started.stop(never);
  });
});
