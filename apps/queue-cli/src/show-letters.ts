import { escapeUnprintable } from '@event-pipeline/runtime';
import { formatLetterId } from './letter-id';
import { isoTime, toJson, traceparentOf, type LetterView } from './letter-view';
import { FULL_WIDTH } from '@event-pipeline/command-line';
import { columns, shortened } from './text-columns';

interface Cell {
  readonly title: string;
  readonly width: number;
  readonly text: (view: LetterView) => string;
}

const ID: Cell = {
  title: 'ID',
  width: 20,
  text: ({ partition, letter }) => formatLetterId({ partition, id: letter.id }),
};
const DIED_AT: Cell = {
  title: 'DIED AT',
  width: 20,
  text: ({ letter }) => (isoTime(letter.diedAt) ?? '').replace(/\.\d+Z$/, 'Z'),
};
const REASON: Cell = { title: 'REASON', width: 18, text: ({ letter }) => letter.reason };
const TYPE: Cell = { title: 'TYPE', width: 14, text: ({ event }) => event?.type ?? '' };
const HANDLER: Cell = { title: 'HANDLER', width: 10, text: ({ letter }) => letter.handler };
const TRIES: Cell = { title: 'TRY', width: 4, text: ({ letter }) => String(letter.attempts) };
const CRASHES: Cell = { title: 'CR', width: 2, text: ({ letter }) => String(letter.crashes) };
const EVENT_ID: Cell = { title: 'EVENT ID', width: 36, text: ({ event }) => event?.eventId ?? '' };
const TRACE: Cell = {
  title: 'TRACEPARENT',
  width: 55,
  text: ({ event }) => traceparentOf(event) ?? '',
};
/** As wide as the line. */
const ERROR: Cell = { title: 'ERROR', width: Infinity, text: ({ letter }) => letter.error };

/** The lines of a letter: what died and why; the event and its trace; the error. 100 characters wide. */
const WIDE: readonly (readonly Cell[])[] = [
  [ID, DIED_AT, REASON, TYPE, HANDLER, TRIES, CRASHES],
  [EVENT_ID, TRACE],
  [ERROR],
];

/** The same in 80 characters. */
const NARROW: readonly (readonly Cell[])[] = [
  [ID, DIED_AT, REASON, TRIES, CRASHES],
  [EVENT_ID, { ...TYPE, width: 22 }, { ...HANDLER, width: 16 }],
  [TRACE],
  [ERROR],
];

/** How dead letters are listed for people, in lines of at most `width` characters. */
export class LetterTable {
  private readonly lines: readonly (readonly Cell[])[];
  /** Stands above the rows. */
  readonly head: string;

  constructor(private readonly width: number) {
    this.lines = width < FULL_WIDTH ? NARROW : WIDE;
    this.head = this.format(({ title }) => title);
  }

  /** A few lines for each letter, the same number for every one. */
  rows(view: LetterView): string {
    return this.format(({ text }) => text(view) || '-');
  }

  private format(textOf: (cell: Cell) => string): string {
    return this.lines
      .map((cells, number) => {
        const indent = number === 0 ? '' : '  ';
        const room = this.width - indent.length;
        const texts = cells.map((cell) => shortened(textOf(cell), Math.min(cell.width, room)));
        const widths = cells.map(({ width }) => (width === Infinity ? 0 : width));
        return `${shortened(indent + columns(widths, texts), this.width)}\n`;
      })
      .join('');
  }
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
