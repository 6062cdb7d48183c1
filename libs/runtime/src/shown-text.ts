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

/** A token as HTTP and gRPC metadata bear it (RFC 6750), and one that says of itself what it is (RFC 7519). */
const BEARER = /\b(bearer)[ \t]+[\w.~+/=-]{6,}/gi;
const WEB_TOKEN = /\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*/g;
const AUTHORIZATION = /\b(authorization["']?\s*[:=]\s*["']?(?:basic[ \t]+)?)[^\s"',;]+/gi;

/**
 * The text with what proves who someone is masked: the passwords of the URLs in it
 * (`redis://user:***@host?password=***`) and tokens (`Bearer ***`).
 */
export function maskCredentials(text: string): string {
  const known = text
    .replace(BEARER, '$1 ***')
    .replace(WEB_TOKEN, '***')
    .replace(AUTHORIZATION, (whole, name: string) =>
      /bearer$/i.test(whole) ? whole : `${name}***`,
    );
  if (!known.includes('://')) return known;
  return known
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
