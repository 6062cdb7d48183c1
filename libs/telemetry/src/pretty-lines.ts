import { escapeUnprintable } from '@event-pipeline/runtime';
import { isColorSupported, prettyFactory } from 'pino-pretty';

/**
 * Turns lines of JSON into lines for people. What a value holds stays in its line: line ends and
 * terminal sequences in messages, names and fields are shown as escapes. Only an error under `err`
 * takes lines of its own, one for each frame and cause.
 */
export function prettyLines(terminal: boolean): (line: string) => string {
  const format = prettyFactory({
    colorize: terminal && isColorSupported,
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid',
    errorLikeObjectKeys: ['err'],
    // Arrives as text already; without this it would be put in quotes.
    customPrettifiers: { err: (text) => String(text) },
  });
  return (line) => {
    const record = JSON.parse(line) as Record<string, unknown>;
    const { err, ...fields } = record;
    const shown = escapeStrings(fields) as Record<string, unknown>;
    return format(err === undefined ? shown : { ...shown, err: errorText(err) });
  };
}

function escapeStrings(value: unknown): unknown {
  if (typeof value === 'string') return escapeUnprintable(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(escapeStrings);
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [escapeUnprintable(name), escapeStrings(item)]),
  );
}

/** "PipelineError QUEUE_FULL: message", its frames, then the same for each cause. */
function errorText(error: unknown): string {
  if (!isSerialisedError(error)) return JSON.stringify(escapeStrings(error));
  const { type, code, message, stack, cause } = error;
  const head = [type, code].filter((part) => part !== undefined).join(' ');
  const lines = [escapeUnprintable(`${head}: ${message}`)];
  for (const frame of stack.split('\n')) {
    if (frame !== '') lines.push(`    ${escapeUnprintable(frame)}`);
  }
  if (cause !== undefined) lines.push(`caused by ${errorText(cause)}`);
  return lines.join('\n');
}

interface SerialisedError {
  readonly type: string;
  readonly code?: string | number;
  readonly message: string;
  readonly stack: string;
  readonly cause?: unknown;
}

function isSerialisedError(value: unknown): value is SerialisedError {
  if (typeof value !== 'object' || value === null) return false;
  const { type, message, stack } = value as Record<string, unknown>;
  return typeof type === 'string' && typeof message === 'string' && typeof stack === 'string';
}
