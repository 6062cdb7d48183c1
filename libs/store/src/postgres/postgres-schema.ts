import type { SchemaSteps } from '../schema-versions';

/** Where the version of the schema is noted: one row. */
export const VERSION_TABLE = 'event_store_schema';

/** Of the database. Every other one lacks characters, and ordinary text would be refused. */
export const NEEDED_ENCODING = 'UTF8';
export const CREATE_WITH_ENCODING = "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0";

/**
 * `body` is json, not jsonb: it keeps the producer's own text (large numbers, order, members that
 * come twice), refuses no number for its size, and answers `body->'data'->>'name'` all the same.
 *
 * `received_at` has an index for retention, `occurred_at` and the type with it for those who ask.
 */
export const POSTGRES_SCHEMA: SchemaSteps = [
  [
    `create table events (
       id uuid primary key,
       type text not null,
       occurred_at timestamptz not null,
       received_at timestamptz not null,
       stored_at timestamptz not null default now(),
       body json not null
     )`,
    'create index events_occurred_at on events (occurred_at)',
    'create index events_type_occurred_at on events (type, occurred_at)',
    'create index events_received_at on events (received_at)',
  ],
];

/** Of the newest version. */
export const EVENT_COLUMNS = ['id', 'type', 'occurred_at', 'received_at', 'stored_at', 'body'];
