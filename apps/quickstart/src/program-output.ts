import { escapeUnprintable } from '@event-pipeline/runtime';

/** What one line of a program's output is to the person at the terminal. */
export interface OutputLine {
  /** `log` for what is only worth keeping; `problem` is worth showing; `end` is why it ends. */
  readonly kind: 'log' | 'problem' | 'end';
  /** As it is shown. */
  readonly text: string;
}

const SHOWN_GROUPS = 3;
const SHOWN_ERROR = 200;

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
  const failed = failedEvents(entry);
  if (failed !== undefined) return { kind, text: escapeUnprintable(`${String(level)}: ${failed}`) };
  const error = typeof entry['error'] === 'string' ? entry['error'] : undefined;
  const handler = typeof entry['handler'] === 'string' ? entry['handler'] : undefined;
  const of = handler !== undefined && error !== undefined ? ` (${handler}: ${bounded(error)})` : '';
  const label = kind === 'problem' ? `${String(level)}: ` : '';
  return { kind, text: escapeUnprintable(`${label}${message}${because}${of}`) };
}

/** The line of a lease with failures, with its handlers, its counts and the first error. */
function failedEvents(entry: Readonly<Record<string, unknown>>): string | undefined {
  const { msg, firstFailure, failures, retried, dead, events } = entry;
  if (typeof firstFailure !== 'object' || firstFailure === null) return undefined;
  const { error, type } = firstFailure as Readonly<Record<string, unknown>>;
  const groups = (Array.isArray(failures) ? failures : []).slice(0, SHOWN_GROUPS).map((group) => {
    const { handler, type: of, events: count } = group as Readonly<Record<string, unknown>>;
    const name = handler === '' ? 'no handler' : `handler ${String(handler)}`;
    return `${name}, type ${String(of)}: ${String(count)}`;
  });
  const more = Array.isArray(failures) && failures.length > SHOWN_GROUPS ? '; …' : '';
  const look = Number(dead) > 0 ? '; see npm run queue -- dead list' : '';
  return (
    `${String(msg)} (${groups.join('; ')}${more}; of ${String(events)}: ` +
    `${String(retried)} tried again later, ${String(dead)} dead): ` +
    `${String(type)}: ${bounded(String(error))}${look}`
  );
}

function bounded(text: string): string {
  return text.length > SHOWN_ERROR ? `${text.slice(0, SHOWN_ERROR)}…` : text;
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
