import { escapeUnprintable } from '@event-pipeline/runtime';

/** What one line of a program's output is to the person at the terminal. */
export interface OutputLine {
  /** `log` for what is only worth keeping; `problem` is worth showing; `end` is why it ends. */
  readonly kind: 'log' | 'problem' | 'end';
  /** As it is shown. */
  readonly text: string;
}

const KINDS: Readonly<Record<string, OutputLine['kind']>> = {
  warn: 'problem',
  error: 'problem',
  fatal: 'end',
};

/** Reads a line of a program that logs as JSON. Other text is worth showing: nobody expected it. */
export function readOutputLine(line: string): OutputLine {
  const entry = parseEntry(line);
  if (entry === undefined) return { kind: 'problem', text: escapeUnprintable(line) };
  const { level, msg, err } = entry;
  const kind = KINDS[String(level)] ?? 'log';
  const message = typeof msg === 'string' ? msg : '';
  const cause = (err as { message?: unknown } | undefined)?.message;
  const because = typeof cause === 'string' && !message.includes(cause) ? `: ${cause}` : '';
  const label = kind === 'problem' ? `${String(level)}: ` : '';
  return { kind, text: escapeUnprintable(`${label}${message}${because}`) };
}

function parseEntry(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const entry: unknown = JSON.parse(line);
    return typeof entry === 'object' && entry !== null && 'level' in entry
      ? (entry as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}
