import { Byte } from './json-byte';
import { MAX_JSON_DEPTH } from './storable-json';

/** What a quick look at the bytes of a JSON text has found. */
export const enum JsonLook {
  /** Not JSON, or JSON that needs a closer look; see {@link problemOfJson}. */
  Unsure,
  /** JSON that every database stores, all of it ASCII. */
  Ascii,
  /** JSON that every database stores where it is valid UTF-8. */
  NeedsUtf8,
}

const enum Expect {
  Value,
  ValueOrEnd,
  Name,
  NameOrEnd,
  CommaOrEnd,
}

const NOWHERE = -1;
const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');

/** Of a byte within a text: what it means for the scan. */
const enum InText {
  /** A control character, which JSON does not allow there. */
  Refused,
  Plain,
  NotAscii,
  Quote,
  Backslash,
}
const IN_TEXT = new Uint8Array(256).map((_, byte) => {
  if (byte === Byte.Quote) return InText.Quote;
  if (byte === Byte.Backslash) return InText.Backslash;
  if (byte < 0x20) return InText.Refused;
  return byte < 0x80 ? InText.Plain : InText.NotAscii;
});
/** What may follow a backslash, other than u. */
const IS_SIMPLE_ESCAPE = new Uint8Array(256);
for (const byte of Buffer.from('"\\/bfnrt')) IS_SIMPLE_ESCAPE[byte] = 1;

// One text is looked at at a time, so the state of the look needs no object of its own.
/** For each open level, whether it is an object. */
const isObject = new Uint8Array(MAX_JSON_DEPTH);
let foundNonAscii = false;

/**
 * Recognises in one pass, without an object made, most of what {@link problemOfJson} accepts and
 * nothing that it refuses. Says "unsure" of everything else: of escapes by number (which may name
 * U+0000 or a lone surrogate), of text outside of JSON's rules, of too deep nesting.
 */
export function lookAtJson(bytes: Uint8Array, from: number, end: number): JsonLook {
  let at = from;
  let depth = 0;
  let expect = Expect.Value;
  foundNonAscii = false;
  while (at < end) {
    const byte = bytes[at] ?? 0;
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) {
      at += 1;
      continue;
    }
    if (expect === Expect.CommaOrEnd) {
      if (depth === 0) return JsonLook.Unsure;
      const inObject = isObject[depth - 1] === 1;
      at += 1;
      if (byte === Byte.Comma) expect = inObject ? Expect.Name : Expect.Value;
      else if (byte === (inObject ? Byte.CloseBrace : Byte.CloseBracket)) depth -= 1;
      else return JsonLook.Unsure;
    } else if (expect === Expect.Name || expect === Expect.NameOrEnd) {
      if (byte === Byte.Quote) {
        at = afterColon(bytes, afterText(bytes, at + 1, end), end);
        if (at === NOWHERE) return JsonLook.Unsure;
        expect = Expect.Value;
      } else {
        if (byte !== Byte.CloseBrace || expect === Expect.Name) return JsonLook.Unsure;
        at += 1;
        depth -= 1;
        expect = Expect.CommaOrEnd;
      }
    } else if (byte === Byte.OpenBrace || byte === Byte.OpenBracket) {
      if (depth === MAX_JSON_DEPTH) return JsonLook.Unsure;
      isObject[depth] = byte === Byte.OpenBrace ? 1 : 0;
      depth += 1;
      at += 1;
      expect = byte === Byte.OpenBrace ? Expect.NameOrEnd : Expect.ValueOrEnd;
    } else if (byte === Byte.CloseBracket) {
      if (expect !== Expect.ValueOrEnd) return JsonLook.Unsure;
      at += 1;
      depth -= 1;
      expect = Expect.CommaOrEnd;
    } else {
      at = afterScalar(bytes, at, end, byte);
      if (at === NOWHERE) return JsonLook.Unsure;
      expect = Expect.CommaOrEnd;
    }
  }
  if (depth > 0 || expect !== Expect.CommaOrEnd) return JsonLook.Unsure;
  return foundNonAscii ? JsonLook.NeedsUtf8 : JsonLook.Ascii;
}

function afterScalar(bytes: Uint8Array, at: number, end: number, byte: number): number {
  if (byte === Byte.Quote) return afterText(bytes, at + 1, end);
  if (byte === Byte.Minus || isDigit(byte)) return afterNumber(bytes, at, end);
  if (byte === Byte.LowerT) return afterWord(bytes, at, end, TRUE);
  if (byte === Byte.LowerF) return afterWord(bytes, at, end, FALSE);
  return byte === Byte.LowerN ? afterWord(bytes, at, end, NULL) : NOWHERE;
}

/** @param from behind the opening quote */
function afterText(bytes: Uint8Array, from: number, end: number): number {
  for (let at = from; at < end; at++) {
    switch (IN_TEXT[bytes[at] ?? 0]) {
      case InText.Plain:
        break;
      case InText.Quote:
        return at + 1;
      case InText.NotAscii:
        foundNonAscii = true;
        break;
      case InText.Backslash:
        at += 1;
        if (at >= end || IS_SIMPLE_ESCAPE[bytes[at] ?? 0] === 0) return NOWHERE;
        break;
      default:
        return NOWHERE;
    }
  }
  return NOWHERE;
}

function afterColon(bytes: Uint8Array, from: number, end: number): number {
  if (from === NOWHERE) return NOWHERE;
  for (let at = from; at < end; at++) {
    const byte = bytes[at];
    if (byte === Byte.Colon) return at + 1;
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return NOWHERE;
  }
  return NOWHERE;
}

function afterWord(bytes: Uint8Array, from: number, end: number, word: Buffer): number {
  const after = from + word.length;
  if (after > end) return NOWHERE;
  for (let i = 1; i < word.length; i++) if (bytes[from + i] !== word[i]) return NOWHERE;
  return after;
}

function afterNumber(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  if (bytes[at] === Byte.Minus) at += 1;
  if (at >= end) return NOWHERE;
  if (bytes[at] === Byte.Zero) at += 1;
  else at = afterDigits(bytes, at, end);
  if (at !== NOWHERE && at < end && bytes[at] === Byte.Dot) at = afterDigits(bytes, at + 1, end);
  if (at === NOWHERE || at >= end) return at;
  const byte = bytes[at];
  if (byte !== Byte.LowerE && byte !== Byte.UpperE) return at;
  at += 1;
  if (at < end && (bytes[at] === Byte.Plus || bytes[at] === Byte.Minus)) at += 1;
  return afterDigits(bytes, at, end);
}

/** At least one. */
function afterDigits(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && isDigit(bytes[at] ?? 0)) at += 1;
  return at === from ? NOWHERE : at;
}

function isDigit(byte: number): boolean {
  return byte >= Byte.Zero && byte <= Byte.Nine;
}
