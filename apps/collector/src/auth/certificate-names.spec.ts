import type { PeerCertificate } from 'node:tls';
import { certificateNames } from './certificate-names';

const namesOf = (certificate: object) => certificateNames(certificate as PeerCertificate);

describe('the names of a client certificate', () => {
  it('are the common name of its subject and its URIs', () => {
    const subjectaltname =
      'DNS:shop.example, URI:spiffe://example/shop, IP Address:10.0.0.1, URI:x:y';
    expect(namesOf({ subject: { CN: 'shop', O: 'Example' }, subjectaltname })).toEqual([
      'CN=shop',
      'URI=spiffe://example/shop',
      'URI=x:y',
    ]);
  });

  it.each([
    ['no certificate at all', {}, []],
    ['several common names', { subject: { CN: ['shop', 'admin'] } }, []],
    [
      'a name that contains what separates names',
      { subject: { CN: 'a' }, subjectaltname: 'URI:"x, URI:spiffe://admin"' },
      ['CN=a'],
    ],
  ])('are not made of %s', (_, certificate, names) => {
    expect(namesOf(certificate)).toEqual(names);
  });

  it('are none without a certificate', () => {
    expect(certificateNames(undefined)).toEqual([]);
  });
});
