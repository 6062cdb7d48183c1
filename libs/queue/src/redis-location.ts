import { PipelineError } from '@event-pipeline/runtime';

export interface RedisEndpoint {
  /** A name or an address; an IPv6 address without its brackets. */
  readonly host: string;
  readonly port: number;
}

/** At least one. */
export type RedisEndpoints = readonly [RedisEndpoint, ...RedisEndpoint[]];

export interface RedisCredentials {
  readonly username?: string;
  readonly password?: string;
}

interface Redis {
  readonly engine: 'redis';
  /** TLS on every connection; whom to trust is Node's own business (NODE_EXTRA_CA_CERTS). */
  readonly tls: boolean;
  /** Of the servers that hold the data. */
  readonly credentials: RedisCredentials;
}

/** One server. */
export interface RedisServerLocation extends Redis {
  readonly kind: 'server';
  readonly endpoint: RedisEndpoint;
  readonly database: number;
}

/** The server that the Sentinels name as the master. */
export interface RedisSentinelLocation extends Redis {
  readonly kind: 'sentinel';
  readonly sentinels: RedisEndpoints;
  readonly masterName: string;
  readonly database: number;
  readonly sentinelCredentials: RedisCredentials;
}

/** A cluster, found by any of these nodes. */
export interface RedisClusterLocation extends Redis {
  readonly kind: 'cluster';
  readonly nodes: RedisEndpoints;
}

export type RedisLocation = RedisServerLocation | RedisSentinelLocation | RedisClusterLocation;

/** The passwords of a location, to be kept out of messages. */
export function secretsOf(location: RedisLocation): string[] {
  const all = [location.credentials];
  if (location.kind === 'sentinel') all.push(location.sentinelCredentials);
  return all.flatMap(({ password = '' }) => (password === '' ? [] : [password]));
}

const REDIS_PORT = 6_379;
const SENTINEL_PORT = 26_379;

const PARAMETERS: ReadonlySet<string> = new Set(['sentinelUsername', 'sentinelPassword']);

type Kind = RedisLocation['kind'];

const KINDS: ReadonlyMap<string, Kind> = new Map([
  ['', 'server'],
  ['+sentinel', 'sentinel'],
  ['+cluster', 'cluster'],
]);

const FORMS: Readonly<Record<Kind, string>> = {
  server: '://[USER:PASSWORD@]HOST[:PORT][/DATABASE]',
  sentinel: '+sentinel://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]/MASTER[/DATABASE]',
  cluster: '+cluster://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]',
};

/** True for what claims to be the URL of a Redis, right or wrong in the rest. */
export function isRedisUrl(url: string): boolean {
  return schemeOf(url) !== undefined;
}

/**
 * Reads `redis://`, `redis+sentinel://`, `redis+cluster://` and their `rediss` forms.
 *
 * @throws PipelineError CONFIG_INVALID: what is wrong with this URL and what is expected, without
 *   any part of it that could be a password
 */
export function parseRedisUrl(url: string): RedisLocation {
  const scheme = schemeOf(url);
  if (!scheme) throw unusableUrl('it is no URL of a Redis', 'redis://HOST:PORT');
  const { tls, kind, rest } = scheme;
  const form = (tls ? 'rediss' : 'redis') + FORMS[kind];
  try {
    const { authority, segments, parameters } = split(rest);
    const at = authority.lastIndexOf('@');
    const redis = { engine: 'redis', tls, credentials: readCredentials(authority, at) } as const;
    const hosts = authority.slice(at + 1);
    const defaultPort = kind === 'sentinel' ? SENTINEL_PORT : REDIS_PORT;
    const read = (): RedisLocation => {
      switch (kind) {
        case 'server':
          return {
            ...redis,
            kind,
            endpoint: readOnlyHost(hosts),
            database: onlyDatabase(segments),
          };
        case 'cluster':
          if (onlyDatabase(segments) !== 0) throw new Problem('a cluster has no database but 0');
          return { ...redis, kind, nodes: readHosts(hosts, defaultPort) };
        case 'sentinel':
          return {
            ...redis,
            kind,
            sentinels: readHosts(hosts, defaultPort),
            ...readMaster(segments),
            sentinelCredentials: takeSentinelCredentials(parameters),
          };
      }
    };
    const location = read();
    for (const name of parameters.keys()) throw new Problem(`it has no parameter "${name}"`);
    return location;
  } catch (error) {
    if (error instanceof Problem) throw unusableUrl(error.message, form);
    throw error;
  }
}

/** The text of a URL, right or wrong, without anything that could be a password. */
export function maskRedisUrl(url: string): string {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(url)?.[0] ?? '';
  const rest = url.slice(scheme.length);
  const at = rest.lastIndexOf('@');
  // Behind ?NAME= the @ may be part of a value, and what follows it too.
  if (at >= 0 && /[?&][^=&]*=/.test(rest.slice(0, at))) return `${scheme}***`;
  const shown = rest
    .slice(at + 1)
    // Without an @ the password may stand where the port belongs.
    .replace(/:(?!\d{1,5}(?:[,/?#]|$))[^,/?#\]]+(?=[,/?#]|$)/g, ':***')
    .replace(/([?&][^=&]*=)[^&]*/g, '$1***');
  return scheme + (at < 0 ? '' : '***@') + shown;
}

/** What is wrong with a URL, in words that show nothing of its credentials. */
class Problem extends Error {}

/** The error of a URL that cannot be used. */
export function unusableUrl(problem: string, form: string): PipelineError {
  return new PipelineError('CONFIG_INVALID', `${problem}; expected ${form}`);
}

function schemeOf(url: string): { tls: boolean; kind: Kind; rest: string } | undefined {
  const match = /^redis(s?)(\+[a-z]+)?:\/\//i.exec(url);
  const kind = match && KINDS.get((match[2] ?? '').toLowerCase());
  return kind ? { tls: match[1] !== '', kind, rest: url.slice(match[0].length) } : undefined;
}

function split(rest: string) {
  if (rest.includes('#')) throw new Problem('a # in it must be written as %23');
  const [beforeQuery = '', query = '', ...more] = rest.split('?');
  const [authority = '', ...segments] = beforeQuery.split('/');
  // An @ behind ? ends the credentials, unless it is in the value of a parameter that there is: what
  // looks like the name of another one may be a piece of the password.
  const names = query.split('&').map((parameter) => parameter.split('=', 1)[0] ?? '');
  const isCut = query.includes('@') && !names.every((name) => PARAMETERS.has(name));
  if (isCut || more.length > 0 || segments.some((part) => part.includes('@'))) {
    throw new Problem('a / or ? in user or password must be written as %2F or %3F');
  }
  // A / at the end says nothing.
  if (segments.at(-1) === '') segments.pop();
  return { authority, segments, parameters: readParameters(query) };
}

function readParameters(query: string): Map<string, string> {
  const parameters = new Map<string, string>();
  if (query === '') return parameters;
  for (const parameter of query.split('&')) {
    const [name = '', ...value] = parameter.split('=');
    if (!/^\w+$/.test(name)) throw new Problem('a parameter behind ? is no NAME=VALUE');
    if (parameters.has(name)) throw new Problem(`the parameter "${name}" is in it twice`);
    parameters.set(name, decode(value.join('='), `the parameter "${name}"`));
  }
  return parameters;
}

function readCredentials(authority: string, at: number): RedisCredentials {
  if (at < 0) return {};
  const [user = '', ...rest] = authority.slice(0, at).split(':');
  const username = decode(user, 'the user');
  const password = decode(rest.join(':'), 'the password');
  return { ...(username !== '' && { username }), ...(password !== '' && { password }) };
}

function takeSentinelCredentials(parameters: Map<string, string>): RedisCredentials {
  const username = parameters.get('sentinelUsername');
  const password = parameters.get('sentinelPassword');
  parameters.delete('sentinelUsername');
  parameters.delete('sentinelPassword');
  return { ...(username && { username }), ...(password && { password }) };
}

function readOnlyHost(hosts: string): RedisEndpoint {
  if (hosts.includes(',')) {
    throw new Problem('several hosts need redis+sentinel:// or redis+cluster://');
  }
  return readHost(hosts, REDIS_PORT);
}

function readHosts(hosts: string, defaultPort: number): RedisEndpoints {
  const [first = '', ...others] = hosts.split(',');
  const read = (host: string) => readHost(host, defaultPort);
  return [read(first), ...others.map(read)];
}

function readHost(text: string, defaultPort: number): RedisEndpoint {
  const bracketed = /^\[([0-9a-f:.]+)\](?::(.*))?$/i.exec(text);
  if (!bracketed && text.split(':').length > 2) {
    throw new Problem('an IPv6 address must be written in brackets, as in [::1]:6379');
  }
  const [name = '', port] = bracketed ? [bracketed[1], bracketed[2]] : text.split(':');
  if (name === '') throw new Problem('a host is missing');
  if (!bracketed && !/^[\w.-]+$/.test(name)) {
    throw new Problem('a host has a character that no host name has');
  }
  return { host: name, port: port === undefined ? defaultPort : readPort(port) };
}

function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new Problem('a port is no number from 1 to 65535');
  return port;
}

function readMaster(segments: readonly string[]) {
  const [master = '', ...rest] = segments;
  if (master === '') throw new Problem('the name of the master is missing');
  return { masterName: decode(master, 'the name of the master'), database: onlyDatabase(rest) };
}

function onlyDatabase(segments: readonly string[]): number {
  const [database = '0', ...more] = segments;
  if (more.length > 0) throw new Problem('there is more behind the database');
  if (!/^\d{1,6}$/.test(database)) throw new Problem('the database is no number');
  return Number(database);
}

function decode(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Problem(`${what} has a % that must be written as %25`);
  }
}
