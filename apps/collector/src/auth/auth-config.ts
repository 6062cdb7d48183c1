import { env, flag, integer, text, type ConfigOf } from '@event-pipeline/runtime';
import { keysProblem } from './jwt-keys';

const MAX_TOLERANCE_MS = 600_000;

/** Who may send events. Without a file of principals everybody who reaches the port may. */
export const authConfigFields = {
  authPrincipalsFile: env('AUTH_PRINCIPALS_FILE', text(), {
    optional: true,
    description:
      'JSON file of who may send which events (docs/authentication.md), read again when it changes; unset: nobody is asked for a token',
  }),
  authRequired: env('AUTH_REQUIRED', flag(), {
    default: false,
    description: 'whether the collector refuses to start where it asks nobody for a token',
  }),
  authJwks: env('AUTH_JWKS', text(), {
    optional: true,
    description:
      'keys that JWTs are checked with: an https URL, or a file that is read again when it changes; unset: no JWT is taken',
  }),
  authJwtIssuer: env('AUTH_JWT_ISSUER', text(), {
    optional: true,
    description: 'who must have issued a JWT (iss)',
  }),
  authJwtAudience: env('AUTH_JWT_AUDIENCE', text(), {
    optional: true,
    description: 'whom a JWT must be for (aud)',
  }),
  authJwtToleranceMs: env('AUTH_JWT_TOLERANCE_MS', integer({ min: 0, max: MAX_TOLERANCE_MS }), {
    default: 30_000,
    description: 'by how much the clocks of issuer and collector may differ',
    unit: 'ms',
  }),
};

export type AuthConfig = ConfigOf<typeof authConfigFields>;

/** What is wrong between the variables, a sentence each. */
export function authProblems(config: Omit<AuthConfig, 'authJwtToleranceMs'>): readonly string[] {
  const { authPrincipalsFile, authRequired, authJwks, authJwtIssuer, authJwtAudience } = config;
  const needed = authJwks === undefined ? [] : neededForJwt;
  const given = { authPrincipalsFile, authJwtIssuer, authJwtAudience };
  const wrongKeys = authJwks === undefined ? undefined : keysProblem(authJwks);
  return [
    ...(authRequired && authPrincipalsFile === undefined
      ? ['AUTH_REQUIRED is true and AUTH_PRINCIPALS_FILE is not set; expected a file of principals']
      : []),
    ...needed
      .filter(([key]) => given[key] === undefined)
      .map(([, name]) => `AUTH_JWKS is set and ${name} is not; expected both`),
    ...(wrongKeys === undefined ? [] : [`AUTH_JWKS cannot be used; ${wrongKeys}`]),
  ];
}

const neededForJwt = [
  ['authPrincipalsFile', 'AUTH_PRINCIPALS_FILE'],
  ['authJwtIssuer', 'AUTH_JWT_ISSUER'],
  ['authJwtAudience', 'AUTH_JWT_AUDIENCE'],
] as const;
