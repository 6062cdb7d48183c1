import { checkedText, env, integer, text } from '@event-pipeline/runtime';
import { STORE_URL_FORM, shownStoreUrl, storeUrlProblem } from './store-location';

export const storeUrlType = checkedText(STORE_URL_FORM, {
  problemOf: storeUrlProblem,
  show: shownStoreUrl,
});

/** The variables that say where processed events are kept, and for how long. */
export const storeConfigFields = {
  storeUrl: env('STORE_URL', storeUrlType, {
    default: 'none',
    description: 'where processed events are kept: PostgreSQL, a folder, or none',
  }),
  storePassword: env('STORE_PASSWORD', text({ maxLength: 1_024, secret: true }), {
    optional: true,
    description: 'password for PostgreSQL, where STORE_URL has none',
  }),
  storeRetentionDays: env('STORE_RETENTION_DAYS', integer({ min: 0, max: 36_500 }), {
    default: 0,
    description: 'events received and stored longer ago are deleted from the store; 0: none is',
    unit: 'days',
  }),
  storeTimeoutMs: env('STORE_TIMEOUT_MS', integer({ min: 100, max: 25_000 }), {
    default: 10_000,
    description: 'how long the store may take for one statement; then the batch is tried again',
    unit: 'ms',
  }),
  storeConnections: env('STORE_CONNECTIONS', integer({ min: 1, max: 1_000 }), {
    default: 4,
    description: 'most connections of this process to PostgreSQL',
  }),
};
