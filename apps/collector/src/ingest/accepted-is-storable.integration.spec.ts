import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeStoredEvent, encodeStoredEvent, Event } from '@event-pipeline/contracts';
import { systemClock, systemRandom } from '@event-pipeline/runtime';
import { identicalText, type EventStore, type StorableEvent } from '@event-pipeline/store';
import { createStore } from '@event-pipeline/store/create';
import { startPostgresServer, type PostgresServer } from '@event-pipeline/store/testing';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import fc from 'fast-check';
import { refusalOf, type EventLimits } from './event-validator';

const NOW = Date.UTC(2026, 5, 1);
const LIMITS: EventLimits = {
  maxDataBytes: 262_144,
  maxAttributes: 64,
  maxAttributeBytes: 1_024,
  maxFieldBytes: 256,
};

/** Characters that encoders, databases and JSON disagree on. */
const odd = fc.constantFrom(
  ...['a', 'é', '"', '\\', '/', "'", '{', '}', ',', '%', '\n', '\u001f', '\u007f', '\u0085'],
  ...['\u2028', '\ufeff', '\uffff', '\ufffe', '😀'],
);
const refusedCharacter = fc.constantFrom('\0', '\ud800', '\udc00');
const textOf = (character: fc.Arbitrary<string>) =>
  fc.array(character, { maxLength: 12 }).map((parts) => parts.join(''));
const text = fc.oneof(
  { weight: 30, arbitrary: textOf(odd) },
  { weight: 1, arbitrary: textOf(fc.oneof(odd, refusedCharacter)) },
);

/** A string of JSON as some producer may write it, right or wrong. */
const jsonString = fc.oneof(
  { weight: 30, arbitrary: text.map((value) => JSON.stringify(value)) },
  {
    weight: 30,
    arbitrary: textOf(fc.constantFrom('\\u0001', '\\ud83d\\ude00', '\\/', '\\b', '\\u00E9')).map(
      (parts) => `"${parts}"`,
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('"\\u0000"', '"\\ud800"', '"\\udfff"', '"\\x"', '"\u0001"'),
  },
);
const jsonNumber = fc.oneof(
  { weight: 5, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }).map(String) },
  {
    weight: 10,
    arbitrary: fc.constantFrom('0', '-0', '1e400', '1e-400', '1E+999999', '-1e2147483648', '0.10'),
  },
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 40_000 }).map((length) => '9'.repeat(length)) },
  {
    weight: 5,
    arbitrary: fc.integer({ min: 1, max: 9_000 }).map((length) => `0.${'1'.repeat(length)}`),
  },
  { weight: 1, arbitrary: fc.constantFrom('01', '1.', '-', '+1', 'Infinity') },
);
const jsonText = fc.letrec<{ value: string; member: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    jsonString,
    jsonNumber,
    fc.constantFrom('true', 'null', ' {} ', '[]', 'false', '\t0\n'),
    fc.array(tie('value'), { maxLength: 4 }).map((values) => `[${values.join(' ,')}]`),
    fc.array(tie('member'), { maxLength: 4 }).map((members) => `{${members.join(',')}}`),
  ),
  member: fc.tuple(jsonString, tie('value')).map(([name, value]) => `${name}:${value}`),
})).value;
const nested = fc
  .tuple(fc.integer({ min: 1, max: 600 }), fc.constantFrom('[]', '{}'))
  .map(([depth, kind]) =>
    kind === '[]'
      ? '['.repeat(depth) + ']'.repeat(depth)
      : `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`,
  );

const event = fc.record({
  type: fc.constantFrom('a', `A${'.'.repeat(127)}`, 'page_view', 'x', 'y', 'z', 'u', 'v', 'é', ''),
  timestamp: fc.oneof(
    { weight: 20, arbitrary: fc.integer({ min: Date.UTC(2000, 0, 1), max: NOW }) },
    { weight: 1, arbitrary: fc.maxSafeInteger() },
  ),
  source: text,
  partitionKey: text,
  schemaVersion: text,
  attributes: fc.array(fc.tuple(text, text), { maxLength: 4 }),
  data: fc.oneof(
    { weight: 5, arbitrary: jsonText.map((json) => Buffer.from(json)) },
    { weight: 1, arbitrary: nested.map((json) => Buffer.from(json)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 20 }) },
  ),
  dataContentType: fc.constantFrom(
    '',
    '',
    '',
    'application/json',
    'text/json',
    'x/y',
    'x/y',
    'a\0',
  ),
});

type Parts = typeof event extends fc.Arbitrary<infer T> ? T : never;

/** The event as it would be queued and handed to the store; undefined where it is refused. */
function accepted(parts: Parts): StorableEvent | undefined {
  const { attributes, ...plain } = parts;
  const texts = [parts.source, parts.partitionKey, parts.schemaVersion, ...attributes.flat()];
  // A request is UTF-8, and the decoder refuses what is not: no lone surrogate gets this far.
  if (texts.some((each) => /\p{Surrogate}/u.test(each))) return undefined;
  const whole: Event = {
    ...Event.fromPartial({ ...plain, eventId: randomUUID() }),
    attributes: new Map(attributes),
  };
  if (refusalOf(whole, LIMITS, NOW) !== undefined) return undefined;
  const body = encodeStoredEvent(whole, NOW);
  const { eventId, type, timestamp, receivedAt } = decodeStoredEvent(body);
  return { id: eventId, type, timestamp, receivedAt, body };
}

describe('what the collector accepts can be stored', () => {
  let postgres: PostgresServer;
  let folder: string;
  let stores: EventStore[];
  beforeAll(async () => {
    postgres = await startPostgresServer({ durable: false });
    folder = await mkdtemp(join(tmpdir(), 'store-test-'));
    const config = {
      storePassword: undefined,
      storeRetentionDays: 0,
      storeTimeoutMs: 20_000,
      storeConnections: 2,
    };
    const { logger } = createLogSink();
    const basics = { clock: systemClock, random: systemRandom, logger, sameContent: identicalText };
    const open = async (storeUrl: string) => (await createStore({ ...config, storeUrl }, basics))!;
    stores = [await open(postgres.url), await open(`embedded:${folder}`)];
  });
  afterAll(async () => {
    for (const store of stores) await store.close();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('on PostgreSQL and SQLite, byte for byte, whatever it is', async () => {
    let taken = 0;
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 40 }), async (candidates) => {
        const events = candidates.flatMap((candidate) => accepted(candidate) ?? []);
        taken += events.length;
        refused += candidates.length - events.length;
        for (const store of stores) {
          const result = { stored: events.length, duplicates: 0, conflicts: [], refused: [] };
          expect(await store.put(events)).toEqual(result);
          // Compared with what is stored, text by text.
          expect(await store.put(events)).toEqual({
            ...result,
            stored: 0,
            duplicates: events.length,
          });
        }
      }),
      { numRuns: 60 },
    );
    // Neither is the rule: the property says something.
    expect(taken).toBeGreaterThan(100);
    expect(refused).toBeGreaterThan(100);
    const [row] = await postgres.query<{ read: string }>(
      "select count(*) as read from events where (body->'data') is null or length((body->'data')::text) > 0",
    );
    expect(Number(row!.read)).toBe(taken);
  });
});
