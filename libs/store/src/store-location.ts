import { PipelineError, messageOf, shownValue } from '@event-pipeline/runtime';

/** Which engine a store is on, and where. */
export type StoreLocation =
  | { readonly engine: 'none' }
  | { readonly engine: 'embedded'; readonly path: string }
  | PostgresLocation;

export interface PostgresLocation {
  readonly engine: 'postgres';
  /** A name, an address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  readonly tls: PostgresTls;
}

/**
 * `off`: no encryption. `unverified`: encrypted, whoever answers (sslmode=require). `verified`: only
 * with a certificate for this host that a known authority has signed: Node's own, or that of a file.
 */
export type PostgresTls =
  | { readonly mode: 'off' | 'unverified' }
  | { readonly mode: 'verified'; readonly rootCertificateFile: string | undefined };

const DEFAULT_PORT = 5_432;
const POSTGRES_FORM = 'postgres://USER:PASSWORD@HOST:PORT/DATABASE';
const SSL_MODES = 'sslmode=disable, require or verify-full';

/** What STORE_URL may look like, as it follows "expected". */
export const STORE_URL_FORM =
  `${POSTGRES_FORM} (with ?${SSL_MODES} where needed), ` + 'embedded:FOLDER, or none';

/** @throws PipelineError CONFIG_INVALID: what is wrong and what is expected, without credentials */
export function parseStoreUrl(url: string): StoreLocation {
  if (url.toLowerCase() === 'none') return { engine: 'none' };
  const embedded = /^embedded:(?:\/\/(?=\/))?(.*)$/.exec(url);
  if (embedded?.[1] === '') throw unusable('it names no folder', 'embedded:FOLDER');
  if (embedded?.[1]) return { engine: 'embedded', path: embedded[1] };
  const postgres = /^postgres(?:ql)?:\/\/(.*)$/i.exec(url);
  if (!postgres) throw unusable('it begins with no known scheme', STORE_URL_FORM);
  try {
    return parsePostgres(postgres[1] ?? '');
  } catch (error) {
    if (error instanceof Problem) throw unusable(error.message, POSTGRES_FORM);
    throw error;
  }
}

/**
 * Where a configuration says that the store is. STORE_PASSWORD is for PostgreSQL, where STORE_URL has
 * no password.
 *
 * @throws PipelineError CONFIG_INVALID, as {@link parseStoreUrl}
 */
export function storeLocationOf(config: {
  readonly storeUrl: string;
  readonly storePassword: string | undefined;
}): StoreLocation {
  const location = parseStoreUrl(config.storeUrl);
  if (location.engine !== 'postgres') return location;
  return { ...location, password: location.password ?? config.storePassword };
}

/** What is wrong with the URL of a store, and what is expected; undefined where nothing is. */
export function storeUrlProblem(url: string): string | undefined {
  try {
    parseStoreUrl(url);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** The URL of a store, right or wrong, as a message may bear it: without credentials. */
export function shownStoreUrl(url: string): string {
  return shownValue(url.startsWith('embedded:') ? url : maskStoreUrl(url));
}

/** Where a PostgreSQL is, for people: `postgres://HOST:PORT/DATABASE`. */
export function shownPostgres({ host, port, database }: PostgresLocation): string {
  return host.startsWith('/')
    ? `PostgreSQL at ${host}, port ${port}, database ${database}`
    : `postgres://${host.includes(':') ? `[${host}]` : host}:${port}/${database}`;
}

/** Nothing before the last @ is shown, nor what stands where a port or a parameter's value belongs. */
function maskStoreUrl(url: string): string {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(url)?.[0] ?? '';
  const rest = url.slice(scheme.length);
  const at = rest.lastIndexOf('@');
  const shown = rest
    .slice(at + 1)
    .replace(/:(?!\d{1,5}(?:[/?#]|$))[^/?#\]]+(?=[/?#]|$)/g, ':***')
    .replace(/([?&](?:\w+=)?)[^&]*/g, '$1***');
  return scheme + (at < 0 ? '' : '***@') + shown;
}

/** What is wrong with a URL, in words that show nothing of its credentials. */
class Problem extends Error {}

function unusable(problem: string, form: string): PipelineError {
  return new PipelineError('CONFIG_INVALID', `${problem}; expected ${form}`);
}

function parsePostgres(rest: string): PostgresLocation {
  if (rest.includes('#')) throw new Problem('a # in it must be written as %23');
  const [beforeQuery = '', query = '', ...more] = rest.split('?');
  const [authority = '', ...segments] = beforeQuery.split('/');
  const isCut = query.includes('@') || segments.some((part) => part.includes('@'));
  if (isCut || more.length > 0) {
    throw new Problem('a /, ? or @ in user or password must be written as %2F, %3F or %40');
  }
  const at = authority.lastIndexOf('@');
  const [userText = '', ...passwordText] = authority.slice(0, Math.max(at, 0)).split(':');
  const user = decode(userText, 'the user') || 'postgres';
  const password = decode(passwordText.join(':'), 'the password') || undefined;
  const parameters = readParameters(query);
  const socket = parameters.get('host');
  parameters.delete('host');
  const database = decode(readDatabase(segments), 'the database') || user;
  const tls = takeTls(parameters);
  for (const name of parameters.keys()) throw new Problem(`it has no parameter "${name}"`);
  const endpoint = readHost(authority.slice(at + 1), socket);
  return { engine: 'postgres', ...endpoint, user, password, database, tls };
}

function readDatabase(segments: readonly string[]): string {
  const [database = '', ...behind] = segments;
  if (behind.some((part) => part !== '')) throw new Problem('there is more behind the database');
  return database;
}

function readHost(text: string, socket: string | undefined): { host: string; port: number } {
  if (text.includes(',')) throw new Problem('it names several hosts');
  const bracketed = /^\[([0-9a-f:.]+)\](?::(.*))?$/i.exec(text);
  if (!bracketed && text.split(':').length > 2) {
    throw new Problem('an IPv6 address must be written in brackets, as in [::1]:5432');
  }
  const [name = '', portText] = bracketed ? [bracketed[1], bracketed[2]] : text.split(':');
  const port = portText === undefined ? DEFAULT_PORT : readPort(portText);
  if (socket !== undefined) {
    if (name !== '' || !socket.startsWith('/')) {
      throw new Problem('the parameter "host" is for the folder of a Unix socket, without a host');
    }
    return { host: socket, port };
  }
  if (name === '') throw new Problem('the host is missing');
  if (!bracketed && !/^[\w.-]+$/.test(name)) {
    throw new Problem('the host has a character that no host name has');
  }
  return { host: name, port };
}

function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new Problem('the port is no number from 1 to 65535');
  return port;
}

function readParameters(query: string): Map<string, string> {
  const parameters = new Map<string, string>();
  if (query === '') return parameters;
  for (const parameter of query.split('&')) {
    const [name = '', ...value] = parameter.split('=');
    if (!/^\w+=/.test(parameter)) throw new Problem('a parameter behind ? is no NAME=VALUE');
    if (parameters.has(name)) throw new Problem(`the parameter "${name}" is in it twice`);
    parameters.set(name, decode(value.join('='), `the parameter "${name}"`));
  }
  return parameters;
}

function takeTls(parameters: Map<string, string>): PostgresTls {
  const mode = parameters.get('sslmode') ?? 'disable';
  const rootCertificateFile = parameters.get('sslrootcert');
  parameters.delete('sslmode');
  parameters.delete('sslrootcert');
  if (rootCertificateFile !== undefined && mode !== 'verify-full') {
    throw new Problem('sslrootcert goes with sslmode=verify-full');
  }
  switch (mode) {
    case 'disable':
      return { mode: 'off' };
    case 'require':
      return { mode: 'unverified' };
    case 'verify-full':
      return { mode: 'verified', rootCertificateFile };
    default:
      throw new Problem(`its sslmode is not known, which can be ${SSL_MODES}`);
  }
}

function decode(text: string, what: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch {
    throw new Problem(`${what} has a % that must be written as %25`);
  }
  if (decoded.includes('\0')) throw new Problem(`${what} has a U+0000 in it`);
  return decoded;
}
