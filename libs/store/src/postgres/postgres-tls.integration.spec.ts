import { chmod, chown, copyFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '@event-pipeline/runtime';
import { Scratch, TestAuthority } from '@event-pipeline/runtime/testing';
import { parseStoreUrl } from '../store-location';
import { startPostgresServer, type PostgresServer } from '../testing';
import { PostgresLink } from './postgres-link';

const scratch = new Scratch();
let server: PostgresServer;
let authority: TestAuthority;
let stranger: TestAuthority;

beforeAll(async () => {
  const folder = await scratch.folder();
  [authority, stranger] = [await TestAuthority.create(folder), await TestAuthority.create(folder)];
  const { cert, key } = await authority.issue('server');
  server = await startPostgresServer({ durable: false });
  scratch.afterwards(() => server.stop());
  // The server refuses a key that others than its own user may read.
  const { uid, gid } = await stat(server.dir);
  for (const [from, name] of [
    [cert, 'own.crt'],
    [key, 'own.key'],
  ] as const) {
    const to = join(server.dir, name);
    await copyFile(from, to);
    await chown(to, uid, gid);
    await chmod(to, 0o600);
  }
  const settings = { ssl: 'on', ssl_cert_file: 'own.crt', ssl_key_file: 'own.key' };
  await server.restart({ settings });
});
afterAll(() => scratch.clean());

/** Whether the session is encrypted, as the server sees it. */
async function isEncrypted(parameters: string): Promise<boolean | undefined> {
  const location = parseStoreUrl(`${server.url}?${parameters}`);
  if (location?.engine !== 'postgres') throw new Error('not PostgreSQL');
  const link = new PostgresLink({ location, connections: 1, timeoutMs: 5_000 }, systemClock);
  try {
    const sql = 'select ssl from pg_stat_ssl where pid = pg_backend_pid()';
    return (await link.query<{ ssl: boolean }>(sql)).rows[0]?.ssl;
  } finally {
    await link.close();
  }
}

const trusting = ({ ca }: TestAuthority) =>
  `sslmode=verify-full&sslrootcert=${encodeURIComponent(ca)}`;

describe('a connection to PostgreSQL', () => {
  it('is encrypted where the URL asks for it, and not otherwise', async () => {
    expect(await isEncrypted('sslmode=disable')).toBe(false);
    expect(await isEncrypted('sslmode=require')).toBe(true);
    expect(await isEncrypted(trusting(authority))).toBe(true);
  });

  it('is refused with verify-full where nobody trusts the certificate', async () => {
    await expect(isEncrypted(trusting(stranger))).rejects.toThrow(/certificate/);
    await expect(isEncrypted('sslmode=verify-full')).rejects.toThrow(/certificate/);
  });

  it('names the root certificate that cannot be read', async () => {
    await expect(isEncrypted('sslmode=verify-full&sslrootcert=%2Fmissing')).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });
});
