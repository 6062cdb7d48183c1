import { X509Certificate, createPrivateKey, type KeyObject } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { systemClock, type Clock } from './clock';
import { PipelineError } from './pipeline-error';
import { shownValue } from './shown-text';
import { messageOf } from './thrown-value';
import { readNamedFile, type NamedFile } from './watched-files';

/** Older versions are refused, whatever OpenSSL is set to (RFC 8996). */
const MIN_VERSION = 'TLSv1.2';

/** The files that a TLS port or a client works with. */
export interface TlsFiles {
  /** The own certificate, with the intermediate ones behind it, and its key; both in PEM form. */
  readonly pair?: { readonly certificate: NamedFile; readonly key: NamedFile };
  /** Certificates of those whose signature is trusted, in PEM form. */
  readonly ca?: NamedFile;
}

/** What the files hold, checked: OpenSSL takes it. */
export interface TlsMaterial {
  /** For a server or a client; TLS 1.2 or newer. */
  readonly context: SecureContextOptions;
  /** When the own certificate, or of several in its file the first, ends: Unix ms. */
  readonly expiresAt: number | undefined;
}

/** A variable of {@link tlsFilesOf}, and the path that it has. */
export interface TlsVariable {
  readonly variable: string;
  readonly path: string | undefined;
}

export interface TlsVariables {
  readonly certificate: TlsVariable;
  readonly key: TlsVariable;
  readonly ca: TlsVariable;
}

/** The files that variables name; undefined where they name none. */
export function tlsFilesOf({ certificate, key, ca }: TlsVariables): TlsFiles | undefined {
  const [named, namedKey, namedCa] = [fileOf(certificate), fileOf(key), fileOf(ca)];
  const pair = named && namedKey && { certificate: named, key: namedKey };
  if (!pair && !namedCa) return undefined;
  return { ...(pair && { pair }), ...(namedCa && { ca: namedCa }) };
}

/**
 * What is wrong with the files that variables name, a sentence each that names variable and file, and
 * nothing of a key. Reads the files.
 *
 * @param role a server has no use for a CA without a certificate of its own
 */
export function tlsProblems(
  variables: TlsVariables,
  role: 'server' | 'client',
  clock: Clock = systemClock,
): readonly string[] {
  const { certificate, key, ca } = variables;
  if ((certificate.path === undefined) !== (key.path === undefined)) {
    const [set, unset] = certificate.path === undefined ? [key, certificate] : [certificate, key];
    return [`${set.variable} is set and ${unset.variable} is not; expected both or neither`];
  }
  if (role === 'server' && ca.path !== undefined && certificate.path === undefined) {
    const both = `${certificate.variable} and ${key.variable}`;
    return [`${ca.variable} is set without ${both}; expected them as well`];
  }
  const files = tlsFilesOf(variables);
  if (files === undefined) return [];
  const problems: string[] = [];
  const contents: Buffer[] = [];
  for (const file of listTlsFiles(files)) {
    try {
      contents.push(readNamedFile(file));
    } catch (error) {
      problems.push(messageOf(error));
    }
  }
  if (problems.length > 0) return problems;
  try {
    readTlsMaterial(files, contents, clock.now());
    return [];
  } catch (error) {
    return [messageOf(error)];
  }
}

/** In the order in which {@link readTlsMaterial} takes their contents. */
export function listTlsFiles({ pair, ca }: TlsFiles): readonly NamedFile[] {
  return [...(pair ? [pair.certificate, pair.key] : []), ...(ca ? [ca] : [])];
}

/**
 * Checks what the files hold: forms, that key and certificate belong together, that they are valid now.
 *
 * @throws PipelineError CONFIG_INVALID that names variable and file, and nothing of a key
 */
export function readTlsMaterial(
  { pair, ca }: TlsFiles,
  contents: readonly Buffer[],
  now: number,
): TlsMaterial {
  const [certificate, key] = pair ? contents : [];
  const trusted = ca && contents[pair ? 2 : 0];
  let expiresAt: number | undefined;
  if (pair && certificate && key) expiresAt = checkPair(pair, certificate, key, now);
  if (ca && trusted) checkCa(ca, trusted, now);
  const context: SecureContextOptions = {
    minVersion: MIN_VERSION,
    ...(certificate && { cert: certificate }),
    ...(key && { key }),
    ...(trusted && { ca: trusted }),
  };
  try {
    createSecureContext(context);
  } catch (error) {
    const names = listTlsFiles({ ...(pair && { pair }), ...(ca && { ca }) });
    throw refused(`${names.map(shown).join(' and ')} cannot be used: ${messageOf(error)}`);
  }
  return { context, expiresAt };
}

function checkPair(
  { certificate, key }: NonNullable<TlsFiles['pair']>,
  certificateText: Buffer,
  keyText: Buffer,
  now: number,
): number {
  const own = certificateOf(certificate, certificateText);
  checkTime(certificate, own, now);
  if (!own.checkPrivateKey(privateKeyOf(key, keyText))) {
    throw refused(`${shown(certificate)} and ${shown(key)} do not belong together`);
  }
  return Date.parse(own.validTo);
}

function checkCa(ca: NamedFile, text: Buffer, now: number): void {
  const blocks = text.toString('latin1').match(PEM_CERTIFICATE) ?? [];
  const all = (blocks.length === 0 ? [text] : blocks).map((block) => certificateOf(ca, block));
  // A bundle may hold old ones beside the one that counts.
  if (!all.some(({ validTo }) => Date.parse(validTo) > now)) {
    throw refused(`${shown(ca)}, in which every certificate has expired`);
  }
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

function certificateOf(file: NamedFile, text: Buffer | string): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch {
    throw refused(`${shown(file)}, which is no certificate in PEM form`);
  }
}

function privateKeyOf(file: NamedFile, text: Buffer): KeyObject {
  try {
    return createPrivateKey(text);
  } catch {
    throw refused(`${shown(file)}, which is no private key in PEM form without a passphrase`);
  }
}

function checkTime(file: NamedFile, { validFrom, validTo }: X509Certificate, now: number): void {
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
  if (now > to) throw refused(`${shown(file)}, which expired on ${new Date(to).toISOString()}`);
  if (now < from) {
    throw refused(`${shown(file)}, which is not valid before ${new Date(from).toISOString()}`);
  }
}

function fileOf({ variable, path }: TlsVariable): NamedFile | undefined {
  return path === undefined ? undefined : { variable, path };
}

const shown = ({ variable, path }: NamedFile): string => `${variable} is ${shownValue(path)}`;

const refused = (message: string): PipelineError => new PipelineError('CONFIG_INVALID', message);
