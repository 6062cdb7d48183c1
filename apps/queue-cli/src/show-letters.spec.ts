import fc from 'fast-check';
import type { DeadLetter } from '@event-pipeline/queue';
import { viewOf } from './letter-view';
import { LetterTable, letterFacts, letterLine } from './show-letters';
import { storedEvent } from './testing/queue-folder';

const letter = (more: Partial<DeadLetter> = {}): DeadLetter => ({
  id: '1700000000000-0',
  body: storedEvent(1),
  reason: 'permanent-error',
  error: 'Error: no',
  handler: 'mail',
  attempts: 3,
  crashes: 1,
  firstFailureAt: 1_700_000_000_000,
  diedAt: 1_700_000_060_000,
  ...more,
});

const widest = (text: string) => Math.max(...text.split('\n').map((line) => line.length));

describe('a dead letter, shown', () => {
  it('has its facts in columns, its event with the trace, and its error', () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const view = viewOf(2, letter({ body: storedEvent(1, { traceparent }) }));
    const table = new LetterTable(100);
    expect(table.head + table.rows(view)).toBe(
      [
        'ID                    DIED AT               REASON              TYPE            HANDLER     TRY   CR',
        '  EVENT ID                              TRACEPARENT',
        '  ERROR',
        '2/1700000000000-0     2023-11-14T22:14:20Z  permanent-error     page_view       mail        3     1',
        `  00000000-0000-4000-8000-000000000001  ${traceparent}`,
        '  Error: no',
        '',
      ].join('\n'),
    );
  });

  it('is stacked where the terminal has 80 columns', () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const view = viewOf(
      2,
      letter({ body: storedEvent(1, { traceparent }), error: 'x'.repeat(99) }),
    );
    const table = new LetterTable(80);
    expect(table.head + table.rows(view)).toBe(
      [
        'ID                    DIED AT               REASON              TRY   CR',
        '  EVENT ID                              TYPE                    HANDLER',
        '  TRACEPARENT',
        '  ERROR',
        '2/1700000000000-0     2023-11-14T22:14:20Z  permanent-error     3     1',
        '  00000000-0000-4000-8000-000000000001  page_view               mail',
        `  ${traceparent}`,
        `  ${'x'.repeat(77)}…`,
        '',
      ].join('\n'),
    );
  });

  it('fits its columns and its own lines, whatever is in it', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.constantFrom('\u001b[2J', 'a\nb\rc', '\u202e', 'x'.repeat(2_000)),
    );
    fc.assert(
      fc.property(text, text, text, text, text, (error, handler, reason, type, traceparent) => {
        const body = JSON.stringify({
          eventId: error,
          type,
          timestamp: 1e300,
          attributes: { traceparent },
        });
        for (const given of [body, handler]) {
          const view = viewOf(63, letter({ body: given, error, handler, reason }));
          for (const [width, lines] of [
            [40, 4],
            [80, 4],
            [99, 4],
            [100, 3],
            [200, 3],
          ] as const) {
            const rows = new LetterTable(width).rows(view);
            expect(widest(rows)).toBeLessThanOrEqual(width);
            expect(rows.split('\n')).toHaveLength(lines + 1);
            expect(rows).not.toMatch(/[^\P{Cc}\n]|\u202e/u);
          }
          expect(letterFacts(view)).not.toMatch(/[^\P{Cc}\n]|\u202e/u);
          const line = letterLine(view);
          expect(line.indexOf('\n')).toBe(line.length - 1);
          expect(JSON.parse(line)).toMatchObject({ error, reason, body: given });
        }
      }),
    );
  });

  it('is one line of JSON with null for what is not known', () => {
    const view = viewOf(0, letter({ body: '{"no":"event"}', handler: '', reason: 'undecodable' }));
    expect(JSON.parse(letterLine(view))).toEqual({
      id: '0/1700000000000-0',
      partition: 0,
      reason: 'undecodable',
      error: 'Error: no',
      handler: null,
      attempts: 3,
      crashes: 1,
      firstFailureAt: '2023-11-14T22:13:20.000Z',
      diedAt: '2023-11-14T22:14:20.000Z',
      eventId: null,
      type: null,
      timestamp: null,
      receivedAt: null,
      traceparent: null,
      body: '{"no":"event"}',
    });
  });

  it('keeps numbers of its event to the letter', () => {
    const body = '{"eventId":"e","type":"t","timestamp":1,"data":{"big":12345678901234567890}}';
    const { body: shown } = JSON.parse(letterLine(viewOf(0, letter({ body })))) as { body: string };
    expect(shown).toBe(body);
    expect(letterFacts(viewOf(0, letter({ body })))).toContain(body);
  });
});
