/** How text from outside is shown to people: in one line, bounded, without passwords. */

const MAX_SHOWN = 120;

/** Control characters, line and paragraph separators, and the marks that reorder what is read. */
// eslint-disable-next-line no-control-regex -- control characters are what it is for
const UNPRINTABLE =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

/**
 * The text with everything that could move a cursor, start a line or reorder it written as an
 * escape ("\n", "\u001b"), so that a hostile text cannot forge a line of a log or a terminal.
 */
export function escapeUnprintable(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (character) =>
      SHORT_ESCAPES[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The text with the passwords of the URLs in it masked: `redis://user:***@host`. */
export function maskCredentials(text: string): string {
  if (!text.includes('://')) return text;
  return text.replace(/(:\/\/[^/\s:@?#]*:)[^\s]*@/g, '$1***@');
}

/** A value that a user gave, in quotes, as a message can bear it: cut, escaped, masked. */
export function shownValue(value: string): string {
  const masked = maskCredentials(value);
  const cut = masked.length > MAX_SHOWN ? `${masked.slice(0, MAX_SHOWN)}…` : masked;
  return `"${escapeUnprintable(cut)}"`;
}
