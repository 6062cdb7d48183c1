import type { PeerCertificate } from 'node:tls';

/**
 * The names of a client certificate that a principal may have: `CN=…` of its subject and `URI=…` of its
 * alternative names. Whether the certificate is good was decided by TLS: one that is not makes no
 * connection.
 */
export function certificateNames(certificate: PeerCertificate | undefined): readonly string[] {
  if (certificate === undefined) return [];
  const { subject, subjectaltname } = certificate as Partial<PeerCertificate>;
  const names: string[] = [];
  // A subject may have several common names; Node.js then gives a list, and none of them counts.
  const commonName: unknown = subject?.CN;
  if (typeof commonName === 'string') names.push(`CN=${commonName}`);
  // Node.js puts quotes around a name that contains what separates names: such a one is not looked at.
  if (subjectaltname === undefined || subjectaltname.includes('"')) return names;
  for (const each of subjectaltname.split(', ')) {
    if (each.startsWith('URI:')) names.push(`URI=${each.slice('URI:'.length)}`);
  }
  return names;
}
