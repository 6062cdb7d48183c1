import { createHash, randomUUID } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { decodeStoredEvent, RejectionCode } from '@event-pipeline/contracts';
import { startRedisServer, type RedisServer } from '@event-pipeline/queue/testing';
import { systemClock } from '@event-pipeline/runtime';
import { Scratch } from '@event-pipeline/runtime/testing';
import { CollectorOnRedis, until } from '../testing/collector-on-redis';
import { encodeEvent, encodeRequest, validEvent, type RawClient } from '../testing/raw-client';

const SHOP = 'shop-token-3f0c1c9e';
const ADMIN = 'admin-token-77aa01';
const EXPIRED = 'expired-token-5d1b';
const WRONG = 'wrong-token-0badcafe';

let redis: RedisServer;
let collector: CollectorOnRedis;
let file: string;
const scratch = new Scratch();
const clients: RawClient[] = [];

const sha256 = (token: string) => createHash('sha256').update(token).digest('hex');
const token = (text: string, more = {}) => ({ sha256: sha256(text), ...more });
const PRINCIPALS = [
  { name: 'shop', tokens: [token(SHOP)], eventTypes: ['page_view', 'order.*'] },
  { name: 'ad_min', tokens: [token(ADMIN)], eventTypes: ['*'] },
  {
    name: 'old',
    tokens: [token(EXPIRED, { expiresAt: '2001-01-01T00:00:00Z' })],
    eventTypes: ['*'],
  },
];

/** As an operator would: another file in its place. */
function write(content: string): void {
  writeFileSync(`${file}.new`, content);
  renameSync(`${file}.new`, file);
}
const writePrincipals = (principals: readonly object[]) => write(JSON.stringify({ principals }));

beforeAll(async () => {
  redis = await startRedisServer();
});
afterAll(() => redis.stop());

beforeEach(async () => {
  file = join(await scratch.folder(), 'principals.json');
  writePrincipals(PRINCIPALS);
  collector = await CollectorOnRedis.start(redis, { AUTH_PRINCIPALS_FILE: file });
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await collector.stop();
  await scratch.clean();
});

function clientWith(authorization: readonly string[] | string): RawClient {
  const metadata = new Metadata();
  for (const value of [authorization].flat()) metadata.add('authorization', value);
  const client = collector.newClient(metadata);
  clients.push(client);
  return client;
}
const clientOf = (text: string) => clientWith(`Bearer ${text}`);
const event = (type: string, more = {}) => validEvent({ type, ...more });
const request = (...types: string[]) => encodeRequest({ events: types.map((type) => event(type)) });

/** What each method answers a client that sends one good event. */
async function allStatuses(client: RawClient) {
  const unary = await client.publish(request('page_view'));
  const stream = await client.stream([encodeEvent(event('page_view'))]);
  const batches = client.openPublishStream();
  batches.call.write(request('page_view'));
  const end = await batches.status;
  expect(batches.answers).toEqual([]);
  return [unary.error, stream.error, end].map((error) => ({
    code: status[error?.code ?? status.OK],
    details: error?.details,
  }));
}

const failures = (reason: string) =>
  collector.metric(`pipeline_auth_failures_total{reason="${reason}"}`);

describe('a caller', () => {
  it.each([
    [
      'without a token',
      [],
      'missing',
      'no token; send one as metadata: "authorization: Bearer TOKEN"',
    ],
    ['with a wrong token', [`Bearer ${WRONG}`], 'unknown-token', 'the token is not known'],
    ['with an expired token', [`Bearer ${EXPIRED}`], 'expired', 'the token has expired'],
    [
      'with a scheme that is not Bearer',
      [`Basic ${SHOP}`],
      'malformed',
      'the authorization metadata cannot be read; expected once "Bearer TOKEN"',
    ],
    [
      'with the digest instead of the token',
      [`Bearer ${sha256(SHOP)}`],
      'unknown-token',
      'the token is not known',
    ],
  ])(
    '%s gets UNAUTHENTICATED from every method, and nothing is queued',
    async (_, sent, reason, details) => {
      const refused = { code: 'UNAUTHENTICATED', details };
      expect(await allStatuses(clientWith(sent))).toEqual([refused, refused, refused]);
      expect(await collector.backlog()).toBe(0);
      expect(await failures(reason)).toBe(3);
      expect(await collector.metric('pipeline_calls_failed_total{code="UNAUTHENTICATED"}')).toBe(3);
      expect(collector.logs.messages).toContain('a call was not let in, or a stream was ended');
    },
  );

  it('with a right token is let in by every method, whatever the case of the scheme', async () => {
    const client = clientWith(`bEARER ${SHOP}`);
    expect((await client.publish(request('page_view'))).response).toMatchObject({ accepted: 1 });
    const summary = await client.stream([encodeEvent(event('page_view'))]);
    expect(summary.response).toMatchObject({ success: true, accepted: 1 });
    const batches = client.openPublishStream();
    batches.call.end(request('page_view'));
    expect((await batches.status).code).toBe(status.OK);
    expect(await collector.backlog()).toBe(3);
  });

  it('leaves its token in no line of the log, right or wrong', async () => {
    for (const each of [SHOP, WRONG, EXPIRED, ADMIN]) await allStatusesOrAnswers(clientOf(each));
    await collector.drain();
    expect(collector.logs.text).toContain('unknown-token');
    for (const each of [SHOP, WRONG, EXPIRED, ADMIN]) {
      expect(collector.logs.text).not.toContain(each);
      expect(collector.logs.text).not.toContain(sha256(each));
    }
  });

  it('needs no token for the health service and for reflection', async () => {
    const client = new Client(collector.address, credentials.createInsecure());
    const health = await new Promise<Buffer>((resolve, reject) => {
      client.makeUnaryRequest(
        '/grpc.health.v1.Health/Check',
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        Buffer.alloc(0),
        (error, answer) => (error ? reject(error) : resolve(answer!)),
      );
    });
    expect([...health]).toEqual([0x08, 1]);
    const reflection = client.makeBidiStreamRequest(
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
    );
    const answer = new Promise<Buffer>((resolve, reject) => {
      reflection.on('data', resolve);
      reflection.on('error', reject);
    });
    // ServerReflectionRequest: field 7, list_services.
    reflection.end(Buffer.from([0x3a, 0x00]));
    expect((await answer).toString('latin1')).toContain('event.EventService');
    client.close();
  });
});

/** As a caller that may be let in: only the effect on the log matters. */
async function allStatusesOrAnswers(client: RawClient): Promise<void> {
  await client.publish(request('page_view', 'secret_type'));
  await client.stream([encodeEvent(event('secret_type'))]);
  const batches = client.openPublishStream();
  batches.call.end(request('page_view'));
  await batches.status;
}

describe('an event of a type that its sender may not send', () => {
  it('is rejected by itself, by every method, and its neighbours are queued', async () => {
    const client = clientOf(SHOP);
    const refused = {
      index: 1,
      code: RejectionCode.REJECTION_CODE_TYPE_NOT_ALLOWED,
      message: 'shop may not send events of the type "page_views"',
    };
    const types = ['page_view', 'page_views', 'order.created'];
    const unary = await client.publish(request(...types));
    expect(unary.response).toMatchObject({ accepted: 2, rejections: [refused] });
    const stream = await client.stream(types.map((type) => encodeEvent(event(type))));
    expect(stream.response).toMatchObject({ success: false, accepted: 2, rejections: [refused] });
    const batches = client.openPublishStream();
    batches.call.end(request(...types));
    expect((await batches.status).code).toBe(status.OK);
    expect(batches.answers).toMatchObject([{ accepted: 2, rejections: [refused] }]);
    const queued = (await collector.queuedTexts()).map((text) => decodeStoredEvent(text).type);
    expect(queued).toEqual(Array(3).fill(['page_view', 'order.created']).flat());
    expect(
      await collector.metric('pipeline_events_rejected_total{reason="type_not_allowed"}'),
    ).toBe(3);
  });

  it('is rejected the slow way, too', async () => {
    const slow = { source: 'größe "1"' };
    const { response } = await clientOf(SHOP).publish(
      encodeRequest({ events: [event('order', slow), event('order.', slow)] }),
    );
    expect(response).toMatchObject({ accepted: 1, rejections: [{ index: 0 }] });
  });
});

describe('who has sent an event', () => {
  it('is kept with it, and cannot be said by the client', async () => {
    const attributes = new Map([['principal', 'admin']]);
    const forged = [
      event('page_view', { attributes }),
      event('page_view', { source: 'ß', attributes }),
      event('page_view', { source: '","principal":"admin' }),
      event('page_view', { data: Buffer.from('{"principal":"admin"}') }),
    ];
    await clientOf(SHOP).publish(encodeRequest({ events: forged }));
    await clientOf(ADMIN).stream([encodeEvent(event('page_view'))]);
    const stored = (await collector.queuedTexts()).map((text) => decodeStoredEvent(text));
    const principals = stored.map(({ principal }) => principal);
    expect(principals).toEqual(['shop', 'shop', 'shop', 'shop', 'ad_min']);
  });

  it('is part of the identity of a batch: the same id of another principal is another batch', async () => {
    const batch = { batchId: randomUUID(), events: [event('page_view')] };
    const first = await clientOf(SHOP).publish(encodeRequest(batch));
    const again = await clientOf(SHOP).publish(encodeRequest(batch));
    const other = await clientOf(ADMIN).publish(encodeRequest({ ...batch, events: [event('x')] }));
    expect(first.response).toMatchObject({ accepted: 1, duplicate: false });
    expect(again.response).toMatchObject({ accepted: 1, duplicate: true });
    expect(other.response).toMatchObject({ accepted: 1, duplicate: false });
    expect(await collector.backlog()).toBe(2);
  });
});

describe('a file of principals that changes', () => {
  const withoutShop = PRINCIPALS.filter(({ name }) => name !== 'shop');

  it('ends a stream of events whose token is gone, with UNAUTHENTICATED and what was queued', async () => {
    const { call, answer } = clientOf(SHOP).openStream();
    for (let i = 0; i < 3; i++) call.write(encodeEvent(event('page_view')));
    await until(async () => (await collector.backlog()) === 3);
    writePrincipals(withoutShop);
    expect(await answer).toMatchObject({
      error: { code: status.UNAUTHENTICATED, details: 'the token is no longer known' },
      details: { summary: { received: 3, accepted: 3, rejected: 0 } },
    });
    expect(await failures('revoked')).toBe(1);
    expect((await clientOf(SHOP).publish(request('page_view'))).error).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: 'the token is not known',
    });
    expect(await collector.backlog()).toBe(3);
  });

  it('ends a stream of batches whose token is gone after it was answered, and leaves others alone', async () => {
    const revoked = clientOf(SHOP).openPublishStream();
    const other = clientOf(ADMIN).openPublishStream();
    revoked.call.write(request('page_view', 'page_view'));
    other.call.write(request('page_view'));
    await until(() => revoked.answers.length + other.answers.length === 2);
    writePrincipals(withoutShop);
    expect(await revoked.status).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: 'the token is no longer known',
    });
    expect(revoked.answers).toMatchObject([{ accepted: 2 }]);
    other.call.end(request('page_view'));
    expect((await other.status).code).toBe(status.OK);
    expect(other.answers).toHaveLength(2);
    expect(await collector.backlog()).toBe(4);
  });

  it('ends a stream when its token expires', async () => {
    const soon = new Date(systemClock.now() + 1_500).toISOString();
    writePrincipals([
      { name: 'shop', tokens: [token(SHOP, { expiresAt: soon })], eventTypes: ['*'] },
    ]);
    await until(() => collector.logs.messages.includes('principals were read again'));
    const { call, answer } = clientOf(SHOP).openStream();
    call.write(encodeEvent(event('page_view')));
    expect((await answer).error).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: 'the token has expired',
    });
  });

  it('gives and takes the right to types in the middle of a stream', async () => {
    const batches = clientOf(SHOP).openPublishStream();
    batches.call.write(request('page_view'));
    await until(() => batches.answers.length === 1);
    writePrincipals([{ ...PRINCIPALS[0], eventTypes: ['page_click'] }]);
    await until(() => collector.logs.messages.includes('principals were read again'));
    batches.call.end(request('page_view', 'page_click'));
    expect((await batches.status).code).toBe(status.OK);
    expect(batches.answers[1]).toMatchObject({ accepted: 1, rejections: [{ index: 0 }] });
  });

  it.each([
    ['is not JSON', '{"principals": [', 'is not JSON'],
    ['lacks what it needs', '{"principals":[{"name":"shop"}]}', 'principals[0].eventTypes'],
    [
      'has a token where its digest belongs',
      JSON.stringify({
        principals: [{ name: 'a', tokens: [{ sha256: SHOP }], eventTypes: ['*'] }],
      }),
      'principals[0].tokens[0].sha256: expected the SHA-256 of a token',
    ],
  ])('and %s is refused with a warning: the old one stays', async (_, content, problem) => {
    const refused = 'the new file of principals is refused: the old ones stay';
    write(content);
    await until(() => collector.logs.messages.includes(refused));
    const line = collector.logs.lines.find(({ msg }) => msg === refused);
    expect(line).toMatchObject({
      level: 'warn',
      problem: expect.stringContaining(problem) as string,
    });
    expect(collector.logs.text).not.toContain(SHOP);
    expect((await clientOf(SHOP).publish(request('page_view'))).response).toMatchObject({
      accepted: 1,
    });
  });

  it('gives new tokens their rights without a restart', async () => {
    writePrincipals([...PRINCIPALS, { name: 'new', tokens: [token(WRONG)], eventTypes: ['*'] }]);
    await until(async () => (await clientOf(WRONG).publish(request('x'))).error === undefined);
  });
});

describe('a caller with a JWT', () => {
  const issuer = 'https://issuer.example';
  let privateKey: Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];

  beforeEach(async () => {
    await collector.stop();
    const pair = await generateKeyPair('ES256');
    privateKey = pair.privateKey;
    const keys = join(await scratch.folder(), 'keys.json');
    writeFileSync(keys, JSON.stringify({ keys: [await exportJWK(pair.publicKey)] }));
    writePrincipals([{ name: 'shop', jwtSubjects: ['shop@example'], eventTypes: ['page_view'] }]);
    collector = await CollectorOnRedis.start(redis, {
      AUTH_PRINCIPALS_FILE: file,
      AUTH_JWKS: keys,
      AUTH_JWT_ISSUER: issuer,
      AUTH_JWT_AUDIENCE: 'collector',
      AUTH_JWT_TOLERANCE_MS: '0',
    });
  });

  const jwt = (subject: string, seconds: number) =>
    new SignJWT({ sub: subject })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer(issuer)
      .setAudience('collector')
      .setExpirationTime(Math.floor(systemClock.now() / 1_000) + seconds)
      .sign(privateKey);

  it('is let in by every method as whom its subject names', async () => {
    const client = clientOf(await jwt('shop@example', 600));
    const batches = client.openPublishStream();
    batches.call.end(request('page_view'));
    expect((await batches.status).code).toBe(status.OK);
    const summary = await client.stream([encodeEvent(event('page_view')), encodeEvent(event('x'))]);
    expect(summary.response).toMatchObject({ accepted: 1, rejected: 1 });
    expect((await client.publish(request('page_view'))).response).toMatchObject({ accepted: 1 });
    const stored = (await collector.queuedTexts()).map((text) => decodeStoredEvent(text).principal);
    expect(stored).toEqual(['shop', 'shop', 'shop']);
  });

  it('that has expired gets UNAUTHENTICATED, one of a stranger PERMISSION_DENIED; neither is logged', async () => {
    const expired = await jwt('shop@example', -10);
    const stranger = await jwt('stranger@example', 600);
    const refusals = [await allStatuses(clientOf(expired)), await allStatuses(clientOf(stranger))];
    expect(refusals.flat().map(({ code }) => code)).toEqual([
      ...Array<string>(3).fill('UNAUTHENTICATED'),
      ...Array<string>(3).fill('PERMISSION_DENIED'),
    ]);
    expect(await collector.backlog()).toBe(0);
    expect([await failures('expired'), await failures('unknown-subject')]).toEqual([3, 3]);
    for (const each of [expired, stranger]) expect(collector.logs.text).not.toContain(each);
  });

  it('loses its stream when the token expires, after what was sent is answered', async () => {
    const { call, answer } = clientOf(await jwt('shop@example', 2)).openStream();
    call.write(encodeEvent(event('page_view')));
    await until(async () => (await collector.backlog()) === 1);
    expect(await answer).toMatchObject({
      error: { code: status.UNAUTHENTICATED, details: 'the token has expired' },
      details: { summary: { accepted: 1 } },
    });
  });

  it('that goes away while its token is checked leaves nothing behind', async () => {
    const client = clientOf(await jwt('shop@example', 600));
    const { call, answer } = client.openStream();
    call.write(encodeEvent(event('page_view')));
    call.cancel();
    expect((await answer).error).toMatchObject({ code: status.CANCELLED });
    await collector.drain();
  });
});
