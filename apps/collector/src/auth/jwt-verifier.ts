import { jwtVerify, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '@event-pipeline/runtime';
import type { AuthFailureReason } from './auth-failure';
import { KeysUnavailable } from './jwt-keys';

/** What must hold of a token. */
export interface JwtRules {
  readonly issuer: string;
  readonly audience: string;
  /** By how much the clocks of the issuer and the collector may differ. */
  readonly toleranceMs: number;
}

/** What a token says that was found good. */
export interface JwtIdentity {
  readonly subject: string;
  /** Unix ms; from then on it is refused. */
  readonly expiresAt: number;
}

/** Why a token is refused. */
export class JwtRefused extends Error {
  constructor(readonly reason: AuthFailureReason) {
    super(reason);
  }
}

/** Only where whoever checks cannot sign: with HS256, the public key of another one would do as a secret. */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA'],
];
const JWT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/;
/** Tokens that were found good and are not checked again for a while. */
const MAX_REMEMBERED = 10_000;
const REMEMBERED_MS = 300_000;

/** Whether a token looks like a JWT. */
export function isJwt(token: string): boolean {
  return JWT.test(token);
}

/**
 * Checks JWTs by RFC 7519: signature, issuer, audience, expiry and the time from which it holds. A good
 * one is remembered for some minutes, by its digest, so that a client of many short calls is checked once.
 */
export class JwtVerifier {
  private readonly remembered = new Map<
    string,
    { readonly identity: JwtIdentity; readonly until: number }
  >();

  constructor(
    private keys: JWTVerifyGetKey,
    private readonly rules: JwtRules,
    private readonly clock: Clock,
  ) {}

  /** From now on these keys hold, and no others. */
  useKeys(keys: JWTVerifyGetKey): void {
    this.keys = keys;
    this.remembered.clear();
  }

  /** What is known of a token that was found good a short time ago. */
  recall(digest: Buffer): JwtIdentity | undefined {
    const key = digest.toString('latin1');
    const found = this.remembered.get(key);
    if (found === undefined) return undefined;
    if (this.clock.now() < found.until) return found.identity;
    this.remembered.delete(key);
    return undefined;
  }

  /** Rejects with {@link JwtRefused}. */
  async verify(token: string, digest: Buffer): Promise<JwtIdentity> {
    const { issuer, audience, toleranceMs } = this.rules;
    const now = this.clock.now();
    const { keys } = this;
    try {
      const { payload } = await jwtVerify(token, keys, {
        algorithms: ALGORITHMS,
        issuer,
        audience,
        requiredClaims: ['exp', 'sub'],
        clockTolerance: toleranceMs / 1_000,
        currentDate: new Date(now),
      });
      const { sub = '', exp = 0 } = payload;
      const identity = { subject: sub, expiresAt: exp * 1_000 + toleranceMs };
      if (keys === this.keys) this.remember(digest, identity, now);
      return identity;
    } catch (error) {
      throw new JwtRefused(reasonOf(error));
    }
  }

  private remember(digest: Buffer, identity: JwtIdentity, now: number): void {
    const until = Math.min(identity.expiresAt, now + REMEMBERED_MS);
    this.remembered.set(digest.toString('latin1'), { identity, until });
    if (this.remembered.size <= MAX_REMEMBERED) return;
    const [oldest] = this.remembered.keys();
    if (oldest !== undefined) this.remembered.delete(oldest);
  }
}

function reasonOf(error: unknown): AuthFailureReason {
  if (error instanceof KeysUnavailable) return 'keys-unavailable';
  return (error as { code?: unknown }).code === 'ERR_JWT_EXPIRED' ? 'expired' : 'invalid-jwt';
}
