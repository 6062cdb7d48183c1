import {
  createLocalJWKSet,
  createRemoteJWKSet,
  type JSONWebKeySet,
  type JWTVerifyGetKey,
} from 'jose';
import { messageOf, PipelineError, type Clock } from '@event-pipeline/runtime';
import { isLoopback } from './loopback';

// jose stays at 5: 6 has ES modules only, which neither Node.js 20.19 without a warning nor jest here can require.

/** How long an answer of the source of the keys may take. */
const ANSWER_LIMIT_MS = 5_000;
/** How long keys are used without asking for them again. */
const KEYS_AGE_MS = 600_000;
/** After a good answer nobody asks for so long, however many tokens name a key that is not known. */
const COOL_DOWN_MS = 30_000;
/** After a bad one neither: calls are told at once to come again. */
const BACK_OFF_MS = 2_000;

/** The keys cannot be had now: nothing is known of the token. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable';
}

/** Whether keys are to be asked for over the network, or lie in a file. */
export function isKeysUrl(text: string): boolean {
  return /^https?:/i.test(text);
}

/** What is wrong with where the keys are said to be; undefined where nothing is. */
export function keysProblem(text: string): string | undefined {
  if (!isKeysUrl(text)) return undefined;
  if (!URL.canParse(text)) return 'expected a URL or the path of a file';
  const { protocol, hostname } = new URL(text);
  if (protocol === 'https:' || isLoopback(hostname)) return undefined;
  return 'expected https: whoever is on the way could put in keys of their own';
}

/** @throws PipelineError CONFIG_INVALID */
export function keysOfFile(content: string, path: string): JWTVerifyGetKey {
  try {
    return createLocalJWKSet(JSON.parse(content) as JSONWebKeySet);
  } catch {
    throw new PipelineError(
      'CONFIG_INVALID',
      `AUTH_JWKS ${path} is no JSON Web Key Set (RFC 7517)`,
    );
  }
}

/**
 * The keys that a URL gives: asked for when they are needed, then kept.
 *
 * @param onUnavailable told what went wrong, at most once in each back-off
 */
export function keysOfUrl(
  url: string,
  clock: Clock,
  onUnavailable: (problem: string) => void,
): JWTVerifyGetKey {
  const remote = createRemoteJWKSet(new URL(url), {
    timeoutDuration: ANSWER_LIMIT_MS,
    cacheMaxAge: KEYS_AGE_MS,
    cooldownDuration: COOL_DOWN_MS,
  });
  let notBefore = -Infinity;
  return async (header, token) => {
    if (!remote.fresh && clock.monotonic() < notBefore) throw new KeysUnavailable();
    try {
      return await remote(header, token);
    } catch (error) {
      if (isVerdict(error)) throw error;
      if (clock.monotonic() >= notBefore) onUnavailable(messageOf(error));
      notBefore = clock.monotonic() + BACK_OFF_MS;
      throw new KeysUnavailable(undefined, { cause: error });
    }
  };
}

/** Whether the error speaks of the token: the keys were there. */
function isVerdict(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === 'ERR_JWKS_NO_MATCHING_KEY' || code === 'ERR_JWKS_MULTIPLE_MATCHING_KEYS';
}
