/** Which engine a queue is on, and where. */
export type QueueLocation =
  | { readonly engine: 'redis'; readonly url: string }
  | { readonly engine: 'embedded'; readonly path: string };

/** What QUEUE_URL may look like, as it follows "expected". */
export const QUEUE_URL_FORM =
  'redis://HOST:PORT or rediss://HOST:PORT, with USER:PASSWORD@ before and /DATABASE behind where ' +
  'needed, or embedded:FOLDER';

/** Undefined for a text that is no queue URL. */
export function parseQueueUrl(url: string): QueueLocation | undefined {
  const embedded = /^embedded:(?:\/\/(?=\/))?(.+)$/.exec(url);
  if (embedded?.[1]) return { engine: 'embedded', path: embedded[1] };
  if (!/^rediss?:\/\//.test(url) || !URL.canParse(url)) return undefined;
  const { hostname, pathname } = new URL(url);
  const isValid = hostname !== '' && /^(?:\/\d*)?$/.test(pathname);
  return isValid ? { engine: 'redis', url } : undefined;
}
