import { readFileSync, statSync } from 'node:fs';
import { messageOf, systemClock, type Clock } from '@event-pipeline/runtime/basics';
import { isToken } from './call-token';
import { PublishError } from './publish-error';

/** Between two looks at the file, ms: calls in between take the token that is known. */
const LOOK_MS = 1_000;
const MAX_FILE_BYTES = 65_536;

/**
 * Gives the token that stands in a file, for the option `token`. Blanks around it do not count. The file is
 * looked at again when a call begins, at most once a second; while it cannot be read or holds no token,
 * the last one is used.
 *
 * @throws PublishError INVALID_OPTIONS where there is no token in it at first; never shows what stands there
 */
export function tokenFromFile(
  path: string,
  options: { readonly clock?: Clock } = {},
): () => string {
  const { clock = systemClock } = options;
  let token: string;
  try {
    token = readToken(path);
  } catch (error) {
    const message = `token: ${path}: ${messageOf(error)}`;
    throw new PublishError('INVALID_OPTIONS', message);
  }
  let version = versionOf(path);
  let lookedAt = clock.monotonic();
  return () => {
    const now = clock.monotonic();
    if (now - lookedAt < LOOK_MS) return token;
    lookedAt = now;
    const seen = versionOf(path);
    if (seen === version) return token;
    try {
      token = readToken(path);
      version = seen;
    } catch {
      // Perhaps it is just being written: the next look tells.
    }
    return token;
  };
}

function readToken(path: string): string {
  const stats = statSync(path);
  // A pipe or a device could keep the program waiting, or never end.
  if (!stats.isFile() || stats.size > MAX_FILE_BYTES) throw new Error('expected a small file');
  const text = readFileSync(path, 'utf8').trim();
  if (!isToken(text)) throw new Error('expected a token of letters, digits and "-._~+/"');
  return text;
}

function versionOf(path: string): string {
  try {
    const { mtimeMs, ctimeMs, size, ino } = statSync(path);
    return `${mtimeMs} ${ctimeMs} ${size} ${ino}`;
  } catch {
    return '';
  }
}
