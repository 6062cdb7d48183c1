import type { PeerCertificate } from 'node:tls';
import type { Metadata } from '@grpc/grpc-js';
import type { Clock } from '@event-pipeline/runtime';
import { authError, type AuthFailed, type AuthFailureReason } from './auth-failure';
import { bearerTokenOf } from './bearer-token';
import { certificateNames } from './certificate-names';
import { Grant } from './grant';
import { isJwt, JwtRefused, type JwtIdentity, type JwtVerifier } from './jwt-verifier';
import type { PrincipalDirectory } from './principal-directory';
import type { Quotas } from './quotas';
import { digestOfToken } from './token-index';

/** What is looked at of a call. */
export interface CallerCredentials {
  readonly metadata: Metadata;
  getPeer(): string;
  getAuthContext(): { readonly sslPeerCertificate?: PeerCertificate };
}

/** Finds out who makes a call: by its token, else by its client certificate. */
export class CallAccess {
  constructor(
    private readonly principals: PrincipalDirectory,
    private readonly clock: Clock,
    private readonly onFailed: AuthFailed,
    private readonly quotas: Quotas,
    /** Undefined: no JWT is taken. */
    private readonly jwt?: JwtVerifier,
  ) {}

  /**
   * Once for a call, be it a stream or not. A token that is wrong is not made good by a certificate.
   *
   * @throws PipelineError UNAUTHENTICATED, PERMISSION_DENIED, AUTH_UNAVAILABLE, or rejects with it
   */
  enter(call: CallerCredentials): Grant | Promise<Grant> {
    const bearer = bearerTokenOf(call.metadata);
    if (bearer === 'malformed') throw this.failed('malformed', call.getPeer());
    if (bearer === undefined) return this.byCertificate(call);
    return this.byToken(bearer.token, call.getPeer());
  }

  private byToken(token: string, peer: string): Grant | Promise<Grant> {
    const digest = digestOfToken(token);
    const { jwt } = this;
    // Which of both it is, is no secret: a JWT says so itself.
    if (jwt !== undefined && isJwt(token)) return this.byJwt(jwt, token, digest, peer);
    const look = () => {
      const found = this.principals.findToken(digest);
      return found && { principal: found.owner, expiresAt: found.expiresAt };
    };
    return this.grant(look, 'unknown-token', peer);
  }

  private byJwt(
    jwt: JwtVerifier,
    token: string,
    digest: Buffer,
    peer: string,
  ): Grant | Promise<Grant> {
    const grant = ({ subject, expiresAt }: JwtIdentity) => {
      const look = () => {
        const principal = this.principals.findSubject(subject);
        return principal && { principal, expiresAt };
      };
      return this.grant(look, 'unknown-subject', peer);
    };
    const known = jwt.recall(digest);
    if (known) return grant(known);
    return jwt.verify(token, digest).then(grant, (error: unknown) => {
      throw error instanceof JwtRefused ? this.failed(error.reason, peer) : error;
    });
  }

  private byCertificate(call: CallerCredentials): Grant {
    const names = certificateNames(call.getAuthContext().sslPeerCertificate);
    if (names.length === 0) throw this.failed('missing', call.getPeer());
    const look = () => {
      const principal = this.principals.findCertificate(names);
      return principal && { principal, expiresAt: undefined };
    };
    return this.grant(look, 'unknown-certificate', call.getPeer());
  }

  private grant(look: Grant['look'], unknown: AuthFailureReason, peer: string): Grant {
    const found = look();
    if (found === undefined) throw this.failed(unknown, peer);
    if (found.expiresAt !== undefined && found.expiresAt <= this.clock.now()) {
      throw this.failed('expired', found.principal.name);
    }
    return new Grant(found, look, this.principals, this.clock, this.onFailed, this.quotas);
  }

  private failed(reason: AuthFailureReason, who: string) {
    this.onFailed(reason, who);
    return authError(reason);
  }
}
