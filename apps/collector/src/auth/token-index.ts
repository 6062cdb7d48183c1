import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** A token as it is kept: never itself, only its digest. */
export interface KnownToken<P> {
  /** SHA-256. */
  readonly digest: Buffer;
  /** Unix ms; undefined: never. */
  readonly expiresAt: number | undefined;
  readonly owner: P;
}

export function digestOfToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/**
 * Finds a token by its digest, in a time that says nothing about the digests that are kept: they are
 * looked up under a key of this process, which nobody else knows, and compared in constant time.
 */
export class TokenIndex<P> {
  private readonly key = randomBytes(32);
  private readonly byKeyedDigest = new Map<string, KnownToken<P>>();

  constructor(tokens: Iterable<KnownToken<P>>) {
    for (const token of tokens) this.byKeyedDigest.set(this.keyed(token.digest), token);
  }

  find(digest: Buffer): KnownToken<P> | undefined {
    const found = this.byKeyedDigest.get(this.keyed(digest));
    return found !== undefined && timingSafeEqual(found.digest, digest) ? found : undefined;
  }

  private keyed(digest: Buffer): string {
    return createHmac('sha256', this.key).update(digest).digest('base64');
  }
}
