import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { titlesIn, textsIn } from './read-sources';

/** One row of the tables of faults in docs/errors.md. */
export interface FaultRow {
  readonly row: string;
  readonly fault: string;
  readonly seen: string;
  readonly counted: string;
  readonly logged: string;
  readonly proved: string;
}

const HEAD = ['Row', 'Fault', 'What a producer sees', 'Counted as', 'Logged', 'Proved by'];

/** The rows of all tables with the head of a table of faults. */
export function faultRows(document: string): readonly FaultRow[] {
  const rows: FaultRow[] = [];
  let inTable = false;
  for (const line of document.split('\n')) {
    const cells = line.startsWith('|') ? line.split('|').slice(1, -1) : [];
    const [row = '', fault = '', seen = '', counted = '', logged = '', proved = ''] = cells.map(
      (cell) => cell.trim(),
    );
    if (HEAD.every((head, at) => cells[at]?.trim() === head)) inTable = true;
    else if (cells.length === 0) inTable = false;
    else if (inTable && !row.startsWith('--')) {
      if (cells.length !== HEAD.length) throw new Error(`not ${HEAD.length} cells: ${line}`);
      rows.push({ row, fault, seen, counted, logged, proved });
    }
  }
  return rows;
}

const codesIn = (text: string): readonly string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);

/** What the other tables of the document say of answers. */
export interface KnownAnswers {
  readonly statuses: readonly string[];
  /** The gRPC status of each error code. */
  readonly statusOf: ReadonlyMap<string, string>;
  readonly rejections: readonly string[];
}

/**
 * Names in "What a producer sees" that are no gRPC status, error code, rejection or variable, and
 * error codes without the status that goes with them.
 */
export function wrongStatuses({ seen }: FaultRow, known: KnownAnswers): readonly string[] {
  const named = codesIn(seen).filter((code) => /^[A-Z_]+$/.test(code));
  return named.flatMap((code) => {
    const status = known.statusOf.get(code);
    if (status !== undefined && !named.includes(status)) return [`${code} is ${status}`];
    const isKnown =
      status !== undefined ||
      known.statuses.includes(code) ||
      known.rejections.includes(code) ||
      // Another test knows which variables there are.
      /^(?:COLLECTOR|QUEUE)_(?!UN|NOT|FULL)/.test(code);
    return isKnown ? [] : [`${code} is no status, error code or rejection`];
  });
}

/** Metrics that there are not, and labels that they do not have. */
export function wrongMetrics(
  { counted }: FaultRow,
  metrics: readonly { readonly name: string; readonly labels: readonly string[] }[],
): readonly string[] {
  return codesIn(counted).filter((code) => {
    const [, name, label] = /^([a-z_]+)(?:\{([a-z]+)="[\w-]+"\})?$/.exec(code) ?? [];
    const metric = metrics.find((one) => one.name === name);
    return metric === undefined || (label !== undefined && !metric.labels.includes(label));
  });
}

/** Quoted log texts that no program can write; "…" stands for what varies. */
export function wrongLogTexts({ logged }: FaultRow, texts: readonly string[]): readonly string[] {
  return quotesIn(logged).filter((quote) => {
    const form = toForm(quote);
    return !texts.some((text) => form.test(text));
  });
}

/** A test that a row names. */
interface Proof {
  readonly file: string;
  readonly title: string;
}

/** Each file in backticks, with the titles in quotes behind it; a file without one has ''. */
export function proofsOf({ proved }: FaultRow): readonly Proof[] {
  return [...proved.matchAll(/`([^`]+\/[^`]+)`([^`]*)/g)].flatMap(([, file = '', after = '']) => {
    const titles = quotesIn(after);
    return (titles.length > 0 ? titles : ['']).map((title) => ({ file, title }));
  });
}

const NOT_PROVED = /^(?:Not proved here|Does not apply): \S.{20}/;

/** What is wrong with the proofs of a row. */
export function wrongProofs(row: FaultRow, root: string): readonly string[] {
  const proofs = proofsOf(row);
  if (proofs.length === 0) {
    return NOT_PROVED.test(row.proved) ? [] : ['names no test and says not why'];
  }
  return proofs.flatMap(({ file, title }) => {
    const path = join(root, file);
    if (!/\.(?:spec|e2e\.spec|-contract)\.ts$|-contract\.ts$/.test(file) || !existsSync(path)) {
      return [`${file} is no file of tests`];
    }
    if (title === '') return [`${file}: no test is named`];
    return hasTest(path, title) ? [] : [`${file} has no test "${title}"`];
  });
}

/**
 * Whether a file has a test of this title. What a title leaves open (`%s`, `$name`, an expression)
 * may be as it is written, or has to be a text of the same file.
 */
function hasTest(path: string, title: string): boolean {
  let texts: ReadonlySet<string> | undefined;
  return titlesIn(path).some((written) => {
    if (toForm(title, 'whole').test(written)) return true;
    const open = /%[sipdjo]|\$[a-z]\w*|\uFFFC/g;
    if (!open.test(written)) return false;
    const pattern = written.split(/%[sipdjo]|\$[a-z]\w*|\uFFFC/).map(escaped);
    const [, ...filled] = new RegExp(`^${pattern.join('(.+?)')}$`).exec(title) ?? [undefined];
    texts ??= new Set(textsIn(path));
    return filled.length > 0 && filled.every((text) => texts?.has(text ?? ''));
  });
}

const quotesIn = (text: string): readonly string[] =>
  [...text.matchAll(/"([^"]+)"/g)].map(([, quote = '']) => quote);

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** "…" stands for any text. */
function toForm(quote: string, extent: 'part' | 'whole' = 'part'): RegExp {
  const body = quote.split('…').map(escaped).join('[^]*');
  return new RegExp(extent === 'whole' ? `^${body}$` : body);
}
