import type { JWTVerifyGetKey } from 'jose';
import { WatchedFiles, type Clock, type Component } from '@event-pipeline/runtime';
import { MinutelyWarning, type Logger } from '@event-pipeline/telemetry';
import type { AuthConfig } from './auth-config';
import { isKeysUrl, keysOfFile, keysOfUrl } from './jwt-keys';
import { JwtVerifier } from './jwt-verifier';

/** Undefined where no JWT is taken. */
export function createJwtVerifier(
  config: AuthConfig,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): { readonly verifier: JwtVerifier; readonly components: readonly Component[] } | undefined {
  const { authJwks: source, authJwtIssuer: issuer, authJwtAudience: audience } = config;
  if (source === undefined || issuer === undefined || audience === undefined) return undefined;
  const rules = { issuer, audience, toleranceMs: config.authJwtToleranceMs };
  if (isKeysUrl(source)) {
    const warning = new MinutelyWarning(clock, logger);
    const keys = keysOfUrl(source, clock, (problem) =>
      warning.warn({ url: source, problem }, 'the keys of AUTH_JWKS cannot be had'),
    );
    return { verifier: new JwtVerifier(keys, rules, clock), components: [] };
  }
  const file: WatchedFiles<JWTVerifyGetKey> = new WatchedFiles({
    name: 'jwt-keys',
    files: [{ variable: 'AUTH_JWKS', path: source }],
    parse: ([content]) => keysOfFile(String(content), source),
    clock,
    onReloaded: (keys) => {
      verifier.useKeys(keys);
      logger.info({ path: source }, 'the keys for tokens were read again');
    },
    onRefused: (problem) =>
      logger.warn(
        { path: source, problem },
        'the new keys for tokens are refused: the old ones stay',
      ),
  });
  const verifier = new JwtVerifier(file.current, rules, clock);
  return { verifier, components: [file] };
}
