import { isIPv4 } from 'node:net';

/** Whether only this machine reaches what listens on this address. A name other than localhost counts as no. */
export function isLoopback(host: string): boolean {
  const address = host.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  if (address === 'localhost' || address === '::1') return true;
  return isIPv4(address) && address.startsWith('127.');
}
