import type { Metadata } from '@grpc/grpc-js';

/** No token is longer: a JWT with many claims has some thousand characters. */
const MAX_TOKEN_LENGTH = 8_192;
/** RFC 6750, 2.1; the scheme in any case, as RFC 9110 has it. */
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

/** The token that a call bears; undefined where it has none, 'malformed' where it cannot be read. */
export function bearerTokenOf(
  metadata: Metadata,
): { readonly token: string } | 'malformed' | undefined {
  const values = metadata.get('authorization');
  if (values.length === 0) return undefined;
  const [value] = values;
  if (values.length > 1 || typeof value !== 'string' || value.length > MAX_TOKEN_LENGTH) {
    return 'malformed';
  }
  const token = BEARER.exec(value)?.[1];
  return token === undefined ? 'malformed' : { token };
}
