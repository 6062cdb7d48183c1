import { readFileSync } from 'node:fs';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Scratch, TestAuthority, type TestPair } from './testing';
import { tlsFilesOf, tlsProblems, type TlsVariables } from './tls-material';

const scratch = new Scratch();
let folder: string;
let authority: TestAuthority;
let pair: TestPair;
let other: TestPair;
let expired: TestPair;

beforeAll(async () => {
  folder = await scratch.folder();
  authority = await TestAuthority.create(folder);
  pair = await authority.issue('one');
  other = await authority.issue('other');
  expired = await authority.issue('old', { expired: true });
});
afterAll(() => scratch.clean());

const named = (cert?: string, key?: string, ca?: string): TlsVariables => ({
  certificate: { variable: 'CERT_FILE', path: cert },
  key: { variable: 'KEY_FILE', path: key },
  ca: { variable: 'CA_FILE', path: ca },
});
const problems = (...paths: Parameters<typeof named>) => tlsProblems(named(...paths), 'server');

describe('the files of a TLS port', () => {
  it('are none where no variable is set, and fine where they belong together', () => {
    expect(tlsFilesOf(named())).toBeUndefined();
    expect(problems()).toEqual([]);
    expect(problems(pair.cert, pair.key)).toEqual([]);
    expect(problems(pair.cert, pair.key, authority.ca)).toEqual([]);
    expect(tlsProblems(named(undefined, undefined, authority.ca), 'client')).toEqual([]);
  });

  it('are wanted both or neither', () => {
    expect(problems(pair.cert)).toEqual([
      'CERT_FILE is set and KEY_FILE is not; expected both or neither',
    ]);
    expect(problems(undefined, pair.key)).toEqual([
      'KEY_FILE is set and CERT_FILE is not; expected both or neither',
    ]);
    expect(problems(undefined, undefined, authority.ca)).toEqual([
      'CA_FILE is set without CERT_FILE and KEY_FILE; expected them as well',
    ]);
  });

  it('are all named where they cannot be read', () => {
    const missing = join(folder, 'missing');
    expect(problems(missing, folder)).toEqual([
      `CERT_FILE is "${missing}", which does not exist`,
      `KEY_FILE is "${folder}", which is no file`,
    ]);
  });

  it.each([
    ['a key of another certificate', () => [pair.cert, other.key], /do not belong together$/],
    ['an expired one', () => [expired.cert, expired.key], /^CERT_FILE is .*expired on 2021-01-01T/],
    ['no certificate', () => [pair.key, pair.key], /^CERT_FILE is .*no certificate in PEM form$/],
    ['no key', () => [pair.cert, pair.cert], /^KEY_FILE is .*no private key in PEM form/],
    ['no CA', () => [pair.cert, pair.key, pair.key], /^CA_FILE is .*no certificate in PEM form$/],
    [
      'an expired CA',
      () => [pair.cert, pair.key, expired.cert],
      /^CA_FILE is .*every certificate has expired$/,
    ],
  ] as const)('are refused by name, without their content: %s', (_, paths, what) => {
    const found = problems(...(paths() as [string, string, string?]));
    expect(found).toEqual([expect.stringMatching(what)]);
    const lines = readFileSync(pair.key, 'utf8').split('\n').slice(1, 3);
    for (const line of lines) expect(found.join()).not.toContain(line);
  });

  it('may hold a CA that has expired beside one that has not', async () => {
    const bundle = join(folder, 'bundle.crt');
    await copyFile(expired.cert, bundle);
    await writeFile(bundle, readFileSync(authority.ca), { flag: 'a' });
    expect(problems(pair.cert, pair.key, bundle)).toEqual([]);
  });
});
