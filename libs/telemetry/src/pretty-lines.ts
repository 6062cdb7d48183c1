import { escapeUnprintable } from '@event-pipeline/runtime';
import { isColorSupported, prettyFactory } from 'pino-pretty';

/**
 * Turns lines of JSON into lines for people. What a value holds stays in its line: line ends and
 * terminal sequences in messages, names and fields are shown as escapes. Only the frames of a stack
 * stand on lines of their own.
 */
export function prettyLines(terminal: boolean): (line: string) => string {
  const format = prettyFactory({
    colorize: terminal && isColorSupported,
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid',
  });
  return (line) => format(JSON.parse(line, escapeStrings));
}

/** A reviver for JSON.parse. A name is escaped by building its object anew. */
function escapeStrings(key: string, value: unknown): unknown {
  if (typeof value === 'string') {
    return key === 'stack'
      ? value.split('\n').map(escapeUnprintable).join('\n')
      : escapeUnprintable(value);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [escapeUnprintable(name), item]),
  );
}
