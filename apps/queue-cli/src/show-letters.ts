import { escapeUnprintable } from '@event-pipeline/runtime';
import { formatLetterId } from './letter-id';
import { isoTime, toJson, traceparentOf, type LetterView } from './letter-view';
import { columns, shortened } from './text-columns';

/** The widths of the columns: 100 together with what is between them. */
const WIDTHS = [20, 20, 18, 14, 10, 4, 2];
const LINE = 100;

/** Stands above {@link letterRows}. */
export const LETTER_HEAD = `${[
  columns(WIDTHS, ['ID', 'DIED AT', 'REASON', 'TYPE', 'HANDLER', 'TRY', 'CR']),
  '  EVENT ID                              TRACEPARENT',
  '  ERROR',
].join('\n')}\n`;

/** Three lines for people: what died and why; the event and its trace; the error. */
export function letterRows({ partition, letter, event }: LetterView): string {
  const [, , reason = 0, type = 0, handler = 0] = WIDTHS;
  const head = columns(WIDTHS, [
    formatLetterId({ partition, id: letter.id }),
    (isoTime(letter.diedAt) ?? '').replace(/\.\d+Z$/, 'Z'),
    shortened(letter.reason, reason),
    shortened(event?.type ?? '-', type),
    shortened(letter.handler === '' ? '-' : letter.handler, handler),
    String(letter.attempts),
    String(letter.crashes),
  ]);
  const eventId = shortened(event?.eventId ?? '-', 36);
  const trace = shortened(traceparentOf(event) ?? '-', 55);
  const lines = [
    head,
    `  ${eventId.padEnd(36)}  ${trace}`,
    `  ${shortened(letter.error, LINE - 2)}`,
  ];
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

export function letterLine(view: LetterView): string {
  return `${JSON.stringify(toJson(view))}\n`;
}

/** Everything that is known of a dead letter, a line a fact, its event in full. */
export function letterFacts(view: LetterView): string {
  const { body, error, ...facts } = toJson(view);
  const rows = Object.entries({ ...facts, error, body });
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows
    .map(([name, value]) => `${name.padEnd(width)}  ${escapeUnprintable(String(value ?? '-'))}\n`)
    .join('');
}
