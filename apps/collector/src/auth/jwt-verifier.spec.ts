import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  exportJWK,
  exportSPKI,
  generateKeyPair,
  SignJWT,
  UnsecuredJWT,
  type JSONWebKeySet,
  type JWTPayload,
} from 'jose';
import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { keysOfFile, keysOfUrl, keysProblem } from './jwt-keys';
import { isJwt, JwtVerifier } from './jwt-verifier';
import { digestOfToken } from './token-index';

const NOW = Date.UTC(2026, 0, 1);
const RULES = { issuer: 'https://issuer.example', audience: 'collector', toleranceMs: 30_000 };
const seconds = (ms: number) => Math.floor(ms / 1_000);
const CLAIMS = {
  iss: RULES.issuer,
  aud: RULES.audience,
  sub: 'shop',
  exp: seconds(NOW) + 600,
} satisfies JWTPayload;

type KeyPair = Awaited<ReturnType<typeof generateKeyPair>>;
let pair: KeyPair;
let other: KeyPair;
let jwks: JSONWebKeySet;
let clock: SimulatedClock;
let verifier: JwtVerifier;

beforeAll(async () => {
  pair = await generateKeyPair('ES256');
  other = await generateKeyPair('ES256');
  jwks = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'ES256' }] };
});
beforeEach(() => {
  clock = new SimulatedClock(NOW);
  verifier = new JwtVerifier(keysOfFile(JSON.stringify(jwks), 'x'), RULES, clock);
});

const sign = (claims: JWTPayload, key = pair.privateKey, kid = 'one') =>
  new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid }).sign(key);
const verify = (token: string) => verifier.verify(token, digestOfToken(token));
const without = (claim: keyof typeof CLAIMS) =>
  Object.fromEntries(Object.entries(CLAIMS).filter(([name]) => name !== claim));

describe('a JWT', () => {
  it('is good for its subject until it expires, a little later for the difference of clocks', async () => {
    const token = await sign(CLAIMS);
    expect(isJwt(token)).toBe(true);
    const expiresAt = (CLAIMS.exp + 30) * 1_000;
    expect(await verify(token)).toEqual({ subject: 'shop', expiresAt });
    await clock.advance(629_000);
    expect(await verify(token)).toEqual({ subject: 'shop', expiresAt });
    await clock.advance(1_000);
    await expect(verify(token)).rejects.toMatchObject({ reason: 'expired' });
  });

  it.each([
    ['of another issuer', { ...CLAIMS, iss: 'https://issuer.example.org' }],
    ['for another audience', { ...CLAIMS, aud: 'worker' }],
    ['that is not good yet', { ...CLAIMS, nbf: seconds(NOW) + 31 }],
    ['without an issuer', () => without('iss')],
    ['without an audience', () => without('aud')],
    ['without a subject', () => without('sub')],
    ['without an expiry', () => without('exp')],
  ])('%s is refused', async (_, claims) => {
    const token = await sign(typeof claims === 'function' ? claims() : claims);
    await expect(verify(token)).rejects.toMatchObject({ reason: 'invalid-jwt' });
  });

  it('that somebody else has signed is refused, whatever key it names', async () => {
    for (const kid of ['one', 'two']) {
      const token = await sign(CLAIMS, other.privateKey, kid);
      await expect(verify(token)).rejects.toMatchObject({ reason: 'invalid-jwt' });
    }
  });

  it('whose claims were changed is refused', async () => {
    const [head, , signature] = (await sign(CLAIMS)).split('.');
    const claims = Buffer.from(JSON.stringify({ ...CLAIMS, sub: 'admin' })).toString('base64url');
    await expect(verify(`${head}.${claims}.${signature}`)).rejects.toMatchObject({
      reason: 'invalid-jwt',
    });
  });

  it('without a signature, or signed with the public key as a secret, is refused', async () => {
    const unsigned = new UnsecuredJWT(CLAIMS).encode();
    const secret = Buffer.from(await exportSPKI(pair.publicKey));
    const symmetric = await new SignJWT(CLAIMS)
      .setProtectedHeader({ alg: 'HS256', kid: 'one' })
      .sign(secret);
    for (const token of [unsigned, symmetric]) {
      expect(isJwt(token)).toBe(true);
      await expect(verify(token)).rejects.toMatchObject({ reason: 'invalid-jwt' });
    }
  });

  it('is remembered for a while, and not beyond its expiry or new keys', async () => {
    const token = await sign(CLAIMS);
    const digest = digestOfToken(token);
    expect(verifier.recall(digest)).toBeUndefined();
    const identity = await verify(token);
    expect(verifier.recall(digest)).toEqual(identity);
    await clock.advance(300_000);
    expect(verifier.recall(digest)).toBeUndefined();
    await verify(token);
    verifier.useKeys(keysOfFile(JSON.stringify({ keys: [] }), 'x'));
    expect(verifier.recall(digest)).toBeUndefined();
    await expect(verify(token)).rejects.toMatchObject({ reason: 'invalid-jwt' });
  });
});

describe('keys that a URL gives', () => {
  let server: Server;
  let asked: number;
  let answer: { status: number; body: string };
  let problems: string[];

  beforeEach(async () => {
    asked = 0;
    answer = { status: 200, body: JSON.stringify(jwks) };
    problems = [];
    server = createServer((_, response) => {
      asked += 1;
      response.writeHead(answer.status).end(answer.body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
    const keys = keysOfUrl(url, clock, (problem) => problems.push(problem));
    verifier = new JwtVerifier(keys, RULES, clock);
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  it('are asked for once, also by many tokens at a time and by keys that nobody knows', async () => {
    const tokens = await Promise.all([sign(CLAIMS), sign({ ...CLAIMS, jti: '2' })]);
    await Promise.all(tokens.map(verify));
    const strange = await sign(CLAIMS, other.privateKey, 'two');
    await expect(verify(strange)).rejects.toMatchObject({ reason: 'invalid-jwt' });
    expect(asked).toBe(1);
  });

  it('that cannot be had leave it open whether a token is good, and are asked for again after a while', async () => {
    answer = { status: 503, body: '' };
    const token = await sign(CLAIMS);
    const unavailable = { reason: 'keys-unavailable' };
    await expect(verify(token)).rejects.toMatchObject(unavailable);
    await expect(verify(token)).rejects.toMatchObject(unavailable);
    expect([asked, problems.length]).toEqual([1, 1]);
    answer = { status: 200, body: JSON.stringify(jwks) };
    await expect(verify(token)).rejects.toMatchObject(unavailable);
    await clock.advance(2_000);
    expect(await verify(token)).toMatchObject({ subject: 'shop' });
    expect(asked).toBe(2);
  });
});

describe('where keys are said to be', () => {
  it.each([
    '/etc/keys.json',
    'https://issuer.example/keys',
    'http://127.0.0.1:1/k',
    'http://[::1]/k',
  ])('may be %s', (source) => expect(keysProblem(source)).toBeUndefined());
  it.each(['http://issuer.example/keys', 'https://'])('may not be %s', (source) => {
    expect(keysProblem(source)).toMatch(/^expected/);
  });
  it('is a file of keys, or refused', () => {
    for (const text of ['', '[]', '{"keys":{}}']) {
      expect(() => keysOfFile(text, '/k')).toThrow('AUTH_JWKS /k is no JSON Web Key Set');
    }
  });
});
