import type { SchemaSteps } from '../schema-versions';

/**
 * The same columns as on PostgreSQL; times are Unix ms, since SQLite has no type for them. `body` is
 * text, which `body ->> '$.data.name'` looks into; the checks refuse what that could not read.
 *
 * The version is kept in SQLite's own `user_version`.
 */
export const SQLITE_SCHEMA: SchemaSteps = [
  [
    `create table events (
       id text not null primary key check (length(id) = 36),
       type text not null check (instr(type, char(0)) = 0),
       occurred_at integer not null,
       received_at integer not null,
       stored_at integer not null,
       body text not null check (json_valid(body) and instr(body, char(0)) = 0)
     ) strict`,
    'create index events_occurred_at on events (occurred_at)',
    'create index events_type_occurred_at on events (type, occurred_at)',
    'create index events_received_at on events (received_at)',
  ],
];

/** Of the newest version. */
export const EVENT_COLUMNS = ['id', 'type', 'occurred_at', 'received_at', 'stored_at', 'body'];
