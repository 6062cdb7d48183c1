/** How text from outside is shown to people: in one line, bounded, without passwords. */

const MAX_SHOWN = 120;

/** Control characters, line and paragraph separators, and the marks that reorder what is read. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\ufeff]/gu;

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

/**
 * The text with everything that could move a cursor, start a line or reorder it written as an
 * escape ("\n", "\u001b"), so that a hostile text cannot forge a line of a log or command a
 * terminal. Inside a JSON text it changes nothing of what the text means.
 */
export function escapeUnprintable(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (character) =>
      SHORT_ESCAPES[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The text with the passwords of the URLs in it masked: `redis://user:***@host?password=***`. */
export function maskCredentials(text: string): string {
  if (!text.includes('://')) return text;
  return text
    .replace(/(:\/\/[^/\s:@?#]*:)[^\s]*@/g, '$1***@')
    .replace(/([?&]\w*password=)[^&\s]*/gi, '$1***');
}

/** How much of a text that is cut is looked at for passwords, beyond what is shown. */
const MASKED_BEYOND = 1_024;

/** The text cut to `maxLength` characters, marked where it was, with its passwords masked. */
export function boundedText(text: string, maxLength: number): string {
  const start = text.slice(0, maxLength + MASKED_BEYOND);
  const masked = maskCredentials(start);
  if (masked.length <= maxLength && start.length === text.length) return masked;
  // A surrogate pair is not cut in half.
  return `${masked.slice(0, maxLength).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** A value that a user gave, in quotes, as a message can bear it. */
export function shownValue(value: string): string {
  return `"${escapeUnprintable(boundedText(value, MAX_SHOWN))}"`;
}
