import { parseRedisUrl } from './redis-location';

const at = (host: string, port: number) => ({ host, port });
const plain = { engine: 'redis', tls: false, credentials: {} };

describe('the URL of a Redis server', () => {
  it.each([
    ['redis://localhost', { endpoint: at('localhost', 6379), database: 0 }],
    ['redis://localhost:1/', { endpoint: at('localhost', 1), database: 0 }],
    ['redis://10.0.0.1:7000/12', { endpoint: at('10.0.0.1', 7000), database: 12 }],
    ['redis://[::1]:7000/1', { endpoint: at('::1', 7000), database: 1 }],
    ['redis://[fe80::1]', { endpoint: at('fe80::1', 6379), database: 0 }],
    ['REDIS://my_host-1.example', { endpoint: at('my_host-1.example', 6379), database: 0 }],
  ])('%s is understood', (url, expected) => {
    expect(parseRedisUrl(url)).toEqual({ ...plain, kind: 'server', ...expected });
  });

  it.each([
    ['redis://user:secret@host', { username: 'user', password: 'secret' }],
    ['redis://:secret@host', { password: 'secret' }],
    ['redis://user@host', { username: 'user' }],
    ['redis://us%3Aer:a%40b%2Fc%25+d:e@host', { username: 'us:er', password: 'a@b/c%+d:e' }],
    ['redis://:p@ss@host', { password: 'p@ss' }],
  ])('%s holds its user and password, decoded', (url, credentials) => {
    expect(parseRedisUrl(url)).toMatchObject({ credentials, endpoint: at('host', 6379) });
  });

  it('asks for TLS by its scheme', () => {
    expect(parseRedisUrl('rediss://host').tls).toBe(true);
    expect(parseRedisUrl('rediss+sentinel://host/m').tls).toBe(true);
    expect(parseRedisUrl('rediss+cluster://host').tls).toBe(true);
  });
});

describe('the URL of Sentinels', () => {
  it('names Sentinels, their master and its database', () => {
    expect(parseRedisUrl('redis+sentinel://u:p@a,[::1]:7,c:8/my%20master/3')).toEqual({
      ...plain,
      kind: 'sentinel',
      credentials: { username: 'u', password: 'p' },
      sentinels: [at('a', 26379), at('::1', 7), at('c', 8)],
      masterName: 'my master',
      database: 3,
      sentinelCredentials: {},
    });
  });

  it('can hold what the Sentinels themselves ask for', () => {
    const query = 'sentinelUsername=me&sentinelPassword=a%26b+c';
    expect(parseRedisUrl(`redis+sentinel://a/m?${query}`)).toMatchObject({
      credentials: {},
      sentinelCredentials: { username: 'me', password: 'a&b+c' },
    });
  });
});

describe('the URL of a cluster', () => {
  it('names nodes', () => {
    expect(parseRedisUrl('redis+cluster://:p@a,b:7')).toEqual({
      ...plain,
      kind: 'cluster',
      credentials: { password: 'p' },
      nodes: [at('a', 6379), at('b', 7)],
    });
    expect(parseRedisUrl('redis+cluster://a/0')).toMatchObject({ nodes: [at('a', 6379)] });
  });
});
