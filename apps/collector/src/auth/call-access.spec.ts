import type { PeerCertificate } from 'node:tls';
import { Metadata } from '@grpc/grpc-js';
import { LocalQuotaBuckets } from '@event-pipeline/queue';
import { SimulatedClock } from '@event-pipeline/runtime/testing';
import type { AuthFailureReason } from './auth-failure';
import { CallAccess, type CallerCredentials } from './call-access';
import { Grant } from './grant';
import { PrincipalDirectory } from './principal-directory';
import { Quotas } from './quotas';
import { digestOfToken } from './token-index';

let principals: PrincipalDirectory;
let access: CallAccess;
let failures: [AuthFailureReason, string][];

const SHOP = {
  name: 'shop',
  tokens: [{ sha256: digestOfToken('good').toString('hex') }],
  jwtSubjects: [],
  certificates: ['URI=spiffe://example/shop', 'CN=shop'],
  eventTypes: ['*'],
};

beforeEach(() => {
  const clock = new SimulatedClock();
  principals = new PrincipalDirectory();
  principals.replace([SHOP]);
  failures = [];
  const observer = { refused: () => undefined, unavailable: () => undefined };
  access = new CallAccess(
    principals,
    clock,
    (...failure) => void failures.push(failure),
    new Quotas(new LocalQuotaBuckets(clock), clock, observer),
  );
});

function call(certificate?: object, token?: string): CallerCredentials {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  return {
    metadata,
    getPeer: () => '192.0.2.1:7',
    getAuthContext: () =>
      certificate === undefined ? {} : { sslPeerCertificate: certificate as PeerCertificate },
  };
}

function entered(...given: Parameters<typeof call>): Grant {
  const grant = access.enter(call(...given));
  if (!(grant instanceof Grant)) throw new Error('it has to be checked first');
  return grant;
}

describe('a caller with a client certificate and no token', () => {
  it.each([
    [{ subject: { CN: 'shop' } }],
    [{ subject: {}, subjectaltname: 'DNS:x, URI:spiffe://example/shop' }],
  ])('is who has its name: %j', (certificate) => {
    expect(entered(certificate).origin.principal).toBe('shop');
    expect(failures).toEqual([]);
  });

  it('is denied where nobody has its name', () => {
    const stranger = { subject: { CN: 'shopping' }, subjectaltname: 'DNS:shop' };
    expect(() => entered(stranger)).toThrow(expect.objectContaining({ code: 'PERMISSION_DENIED' }));
    expect(failures).toEqual([['unknown-certificate', '192.0.2.1:7']]);
  });

  it('loses its stream when the name is taken from its principal, or given to another', () => {
    const grants = [entered({ subject: { CN: 'shop' } }), entered({ subject: { CN: 'shop' } })];
    expect(grants[0]?.check()).toBeUndefined();
    principals.replace([{ ...SHOP, certificates: [] }]);
    expect(grants[0]?.check()).toMatchObject({ code: 'UNAUTHENTICATED' });
    principals.replace([{ ...SHOP, name: 'other' }]);
    expect(grants[1]?.check()).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(failures.map(([reason]) => reason)).toEqual(['revoked', 'revoked']);
  });
});

describe('a caller with both', () => {
  it('is who its token says', () => {
    expect(entered({ subject: { CN: 'stranger' } }, 'good').origin.principal).toBe('shop');
  });

  it('is not let in with a wrong token, however good the certificate', () => {
    expect(() => entered({ subject: { CN: 'shop' } }, 'wrong')).toThrow(
      expect.objectContaining({ code: 'UNAUTHENTICATED' }),
    );
    expect(failures).toEqual([['unknown-token', '192.0.2.1:7']]);
  });
});
