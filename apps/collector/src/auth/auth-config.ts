import { env, flag, text } from '@event-pipeline/runtime';

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
};

/** What is wrong between the variables, a sentence each. */
export function authProblems(config: {
  readonly authPrincipalsFile: string | undefined;
  readonly authRequired: boolean;
}): readonly string[] {
  const { authPrincipalsFile, authRequired } = config;
  return authRequired && authPrincipalsFile === undefined
    ? ['AUTH_REQUIRED is true and AUTH_PRINCIPALS_FILE is not set; expected a file of principals']
    : [];
}
