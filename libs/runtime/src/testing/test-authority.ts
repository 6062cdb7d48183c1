import { execFile } from 'node:child_process';
import { mkdtemp, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const CONFIGURATION = `
[ca]
default_ca = test
[test]
database = index.txt
new_certs_dir = .
default_md = sha256
rand_serial = yes
policy = any
unique_subject = no
[any]
commonName = supplied
organizationalUnitName = optional
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[both]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = DNS:localhost, DNS:collector.test, IP:127.0.0.1, IP:::1
`;

/** The files of a certificate and its key. */
export interface TestPair {
  readonly cert: string;
  readonly key: string;
}

export interface TestPairOptions {
  /** Default: "/CN=" and the name. */
  readonly subject?: string;
  readonly expired?: boolean;
}

/** A certificate authority of a test's own, with the `openssl` of the machine. */
export class TestAuthority {
  private constructor(
    private readonly folder: string,
    /** The file of its own certificate. */
    readonly ca: string,
  ) {}

  static async create(parent: string): Promise<TestAuthority> {
    const folder = await mkdtemp(join(parent, 'authority-'));
    const authority = new TestAuthority(folder, join(folder, 'ca.crt'));
    await writeFile(join(folder, 'ca.conf'), CONFIGURATION);
    await writeFile(join(folder, 'index.txt'), '');
    await authority.request('ca', '/CN=Test authority');
    await authority.sign('ca', ['-selfsign', '-extensions', 'authority'], '21200101000000Z');
    return authority;
  }

  /** A certificate for localhost, collector.test and loopback addresses, for servers and clients. */
  async issue(name: string, { subject, expired }: TestPairOptions = {}): Promise<TestPair> {
    await this.request(name, subject ?? `/CN=${name}`);
    const how = ['-cert', 'ca.crt', '-extensions', 'both'];
    await this.sign(name, how, expired === true ? '20210101000000Z' : '21200101000000Z');
    return { cert: join(this.folder, `${name}.crt`), key: join(this.folder, `${name}.key`) };
  }

  private async request(name: string, subject: string): Promise<void> {
    const { folder: cwd } = this;
    const curve = ['-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`];
    await run('openssl', ['ecparam', ...curve], { cwd });
    const to = ['-key', `${name}.key`, '-subj', subject, '-out', `${name}.csr`];
    await run('openssl', ['req', '-new', ...to], { cwd });
  }

  private async sign(name: string, how: readonly string[], end: string): Promise<void> {
    const time = ['-startdate', '20200101000000Z', '-enddate', end];
    const files = ['-keyfile', 'ca.key', '-in', `${name}.csr`, '-out', `${name}.crt.new`];
    const options = ['-batch', '-notext', '-config', 'ca.conf', ...time, ...how, ...files];
    await run('openssl', ['ca', ...options], { cwd: this.folder });
    await rename(join(this.folder, `${name}.crt.new`), join(this.folder, `${name}.crt`));
  }
}
