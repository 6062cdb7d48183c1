import { parseStoreUrl, shownPostgres, shownStoreUrl, storeUrlProblem } from './store-location';

const at = (more: object) => ({
  engine: 'postgres',
  host: 'db',
  port: 5_432,
  user: 'postgres',
  password: undefined,
  database: 'postgres',
  tls: { mode: 'off' },
  ...more,
});

describe('the URL of a store', () => {
  it.each([
    ['postgres://db', at({})],
    [
      'postgresql://u:p@db:6000/events',
      at({ user: 'u', password: 'p', port: 6_000, database: 'events' }),
    ],
    ['postgres://u@db', at({ user: 'u', database: 'u' })],
    [
      'POSTGRES://u:a%3A%2F%40%23@[::1]/e',
      at({ host: '::1', user: 'u', password: 'a:/@#', database: 'e' }),
    ],
    ['postgres://u:p:q@db/e/', at({ user: 'u', password: 'p:q', database: 'e' })],
    ['postgres:///e?host=/run/pg', at({ host: '/run/pg', database: 'e' })],
    ['postgres://db/e?sslmode=require', at({ database: 'e', tls: { mode: 'unverified' } })],
    [
      'postgres://db/e?sslmode=verify-full&sslrootcert=%2Fca.pem',
      at({ database: 'e', tls: { mode: 'verified', rootCertificateFile: '/ca.pem' } }),
    ],
  ])('%s names a PostgreSQL', (url, location) => {
    expect(parseStoreUrl(url)).toEqual(location);
    expect(storeUrlProblem(url)).toBeUndefined();
  });

  it.each([
    ['none', { engine: 'none' }],
    ['None', { engine: 'none' }],
    ['embedded:./data', { engine: 'embedded', path: './data' }],
    ['embedded:///var/data', { engine: 'embedded', path: '/var/data' }],
  ])('%s is %j', (url, location) => {
    expect(parseStoreUrl(url)).toEqual(location);
  });

  it.each([
    ['mysql://u:secret@h/d', /no known scheme/],
    ['embedded:', /names no folder/],
    ['postgres://', /the host is missing/],
    ['postgres://u:secret@/d', /the host is missing/],
    ['postgres://u:secret@a,b/d', /several hosts/],
    ['postgres://u:secret@h:99999/d', /the port is no number/],
    ['postgres://h:secret', /the port is no number/],
    ['postgres://u:sec#ret@h/d', /# in it must be written as %23/],
    ['postgres://u:sec/ret@h/d', /must be written as %2F/],
    ['postgres://u:sec?ret@h/d', /must be written as %2F/],
    ['postgres://u:secret%@h/d', /the password has a % /],
    ['postgres://u:a%00secret@h/d', /U\+0000/],
    ['postgres://u:secret@h/d/more', /more behind the database/],
    ['postgres://u:secret@h_ö/d', /no host name/],
    ['postgres://u:secret@::1/d', /brackets/],
    ['postgres://u:secret@h/d?sslmode=prefer', /sslmode is not known/],
    ['postgres://u:secret@h/d?sslrootcert=x', /goes with sslmode=verify-full/],
    ['postgres://u:secret@h/d?pool=secret', /no parameter "pool"/],
    ['postgres://u:secret@h/d?host=/run', /Unix socket/],
    ['postgres://u:secret@h/d?secret', /NAME=VALUE/],
  ])('%s is refused, in one line and without the password', (url, problem) => {
    const found = storeUrlProblem(url);
    expect(found).toMatch(problem);
    expect(`${found ?? ''} ${shownStoreUrl(url)}`).not.toMatch(/secret|sec.ret|\n/);
  });

  it('is shown to people without credentials', () => {
    const location = parseStoreUrl('postgres://u:secret@[::1]:7/e');
    expect(shownPostgres(location as Parameters<typeof shownPostgres>[0])).toBe(
      'postgres://[::1]:7/e',
    );
  });
});
