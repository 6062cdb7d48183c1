import { PipelineError, type ErrorCode } from '@event-pipeline/runtime';

/** Why a call was not let in, or a stream was ended: the label of pipeline_auth_failures_total. */
export const AUTH_FAILURES = [
  'missing',
  'malformed',
  'unknown-token',
  'expired',
  'invalid-jwt',
  'keys-unavailable',
  'unknown-certificate',
  'unknown-subject',
  'revoked',
] as const;

export type AuthFailureReason = (typeof AUTH_FAILURES)[number];

/** Hears of each failure, with what is known of who it was: an address or a name, never a token. */
export type AuthFailed = (reason: AuthFailureReason, who: string) => void;

/** What the client is told. Nothing of what it sent is repeated. */
const MESSAGES: Readonly<Record<AuthFailureReason, string>> = {
  missing: 'no token; send one as metadata: "authorization: Bearer TOKEN"',
  malformed: 'the authorization metadata cannot be read; expected once "Bearer TOKEN"',
  'unknown-token': 'the token is not known',
  expired: 'the token has expired',
  'invalid-jwt': 'the token is not valid here',
  'keys-unavailable': 'the token cannot be checked now; try again',
  'unknown-certificate': 'the client certificate is not known',
  'unknown-subject': 'whom the token names may not send events',
  revoked: 'the token is no longer known',
};

const CODES: { readonly [R in AuthFailureReason]?: ErrorCode } = {
  // Who it is has been proved; it only has no rights here.
  'unknown-subject': 'PERMISSION_DENIED',
  'unknown-certificate': 'PERMISSION_DENIED',
  'keys-unavailable': 'AUTH_UNAVAILABLE',
};

/** The error that ends a call for this reason. */
export function authError(reason: AuthFailureReason): PipelineError {
  return new PipelineError(CODES[reason] ?? 'UNAUTHENTICATED', MESSAGES[reason]);
}
