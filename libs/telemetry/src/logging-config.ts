import { env, oneOf } from '@event-pipeline/runtime';

/** From the most to the least that is kept back; "silent" writes nothing. */
export const LOG_LEVELS = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** "auto" is "pretty" on a terminal and "json" elsewhere. */
export const LOG_FORMATS = ['auto', 'json', 'pretty'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** The logging variables of every program: spread them into its defineConfig. */
export const loggingConfigFields = {
  logLevel: env('LOG_LEVEL', oneOf(LOG_LEVELS), {
    default: 'info',
    description: 'Least important log lines that are written',
  }),
  logFormat: env('LOG_FORMAT', oneOf(LOG_FORMATS), {
    default: 'auto',
    description: 'Log lines as JSON or for people; auto: for people on a terminal',
  }),
};
