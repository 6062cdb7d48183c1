import { Byte } from './json-byte';

/** Deeper nesting is refused: what reads the data later may recurse, and would fail on it. */
export const MAX_JSON_DEPTH = 512;

const NOT_JSON = 'data is not valid JSON (say so in data_content_type if it is something else)';
const TOO_DEEP = `data is nested deeper than ${MAX_JSON_DEPTH} levels`;
const NUL = 'data contains U+0000';
const LONE_SURROGATE = 'data contains a lone surrogate';

/**
 * Whether bytes are JSON that every database stores: RFC 8259, and no escape of U+0000 or of a lone
 * surrogate, which JSON allows and PostgreSQL's jsonb refuses.
 *
 * Looks at the bytes themselves: parsing would build, for each event, texts and objects that
 * nobody reads.
 *
 * @param bytes valid UTF-8
 * @returns what is wrong, for people; undefined when nothing is
 */
export function problemOfJson(bytes: Uint8Array): string | undefined {
  return new JsonScanner(bytes).scan();
}

const LITERALS = ['true', 'false', 'null'].map((word) => Buffer.from(word));
/** What may follow a backslash, other than u: " \ / b f n r t */
const SIMPLE_ESCAPES = new Set(Buffer.from('"\\/bfnrt'));

/** Goes over the bytes once; every method leaves `at` behind what it has recognised. */
class JsonScanner {
  private at = 0;
  private depth = 0;
  /** For each open level, whether it is an object. */
  private readonly isObject = new Uint8Array(MAX_JSON_DEPTH);
  private problem: string | undefined;

  constructor(private readonly bytes: Uint8Array) {}

  scan(): string | undefined {
    let ok = this.beginValue();
    while (ok && this.depth > 0) ok = this.continueLevel();
    this.skipBlanks();
    if (ok && this.at === this.bytes.length) return undefined;
    return this.problem ?? NOT_JSON;
  }

  /** A whole scalar, or the opening of an array or object up to and including its first value. */
  private beginValue(): boolean {
    for (;;) {
      this.skipBlanks();
      const byte = this.bytes[this.at];
      if (byte === Byte.Quote) return this.string();
      if (byte !== Byte.OpenBrace && byte !== Byte.OpenBracket) {
        return isDigit(byte) || byte === Byte.Minus ? this.number() : this.literal();
      }
      this.at += 1;
      this.skipBlanks();
      const isObject = byte === Byte.OpenBrace;
      if (this.take(isObject ? Byte.CloseBrace : Byte.CloseBracket)) return true;
      if (this.depth === MAX_JSON_DEPTH) return this.fail(TOO_DEEP);
      this.isObject[this.depth++] = isObject ? 1 : 0;
      if (isObject && !this.memberName()) return false;
    }
  }

  /** After a value: a comma and the next one, or the end of the level. */
  private continueLevel(): boolean {
    this.skipBlanks();
    const isObject = this.isObject[this.depth - 1] === 1;
    if (this.take(Byte.Comma)) return (!isObject || this.memberName()) && this.beginValue();
    this.depth -= 1;
    return this.take(isObject ? Byte.CloseBrace : Byte.CloseBracket);
  }

  private memberName(): boolean {
    this.skipBlanks();
    if (this.bytes[this.at] !== Byte.Quote || !this.string()) return false;
    this.skipBlanks();
    return this.take(Byte.Colon);
  }

  private string(): boolean {
    const { bytes } = this;
    this.at += 1;
    for (;;) {
      const byte = bytes[this.at];
      if (byte === undefined || byte < Byte.Space) return false;
      this.at += 1;
      if (byte === Byte.Quote) return true;
      if (byte === Byte.Backslash && !this.escape()) return false;
    }
  }

  private escape(): boolean {
    const byte = this.bytes[this.at++];
    if (byte !== Byte.LowerU) return byte !== undefined && SIMPLE_ESCAPES.has(byte);
    const unit = this.hexUnit();
    if (unit === undefined) return false;
    if (unit === 0) return this.fail(NUL);
    if (unit < 0xd800 || unit > 0xdfff) return true;
    if (unit > 0xdbff) return this.fail(LONE_SURROGATE);
    if (!this.take(Byte.Backslash) || !this.take(Byte.LowerU)) return this.fail(LONE_SURROGATE);
    const low = this.hexUnit();
    if (low === undefined) return false;
    return (low >= 0xdc00 && low <= 0xdfff) || this.fail(LONE_SURROGATE);
  }

  /** Four hexadecimal digits. */
  private hexUnit(): number | undefined {
    let unit = 0;
    for (let i = 0; i < 4; i++) {
      const digit = hexValue(this.bytes[this.at++]);
      if (digit === undefined) return undefined;
      unit = unit * 16 + digit;
    }
    return unit;
  }

  private number(): boolean {
    this.take(Byte.Minus);
    if (!this.take(Byte.Zero) && !this.digits()) return false;
    if (this.take(Byte.Dot) && !this.digits()) return false;
    if (!this.take(Byte.LowerE) && !this.take(Byte.UpperE)) return true;
    if (!this.take(Byte.Plus)) this.take(Byte.Minus);
    return this.digits();
  }

  private digits(): boolean {
    const from = this.at;
    while (isDigit(this.bytes[this.at])) this.at += 1;
    return this.at > from;
  }

  private literal(): boolean {
    const { at, bytes } = this;
    const word = LITERALS.find((candidate) => candidate.every((byte, i) => bytes[at + i] === byte));
    this.at += word?.length ?? 0;
    return word !== undefined;
  }

  private skipBlanks(): void {
    for (;;) {
      const byte = this.bytes[this.at];
      const isBlank =
        byte === Byte.Space ||
        byte === Byte.LineFeed ||
        byte === Byte.CarriageReturn ||
        byte === Byte.Tab;
      if (!isBlank) return;
      this.at += 1;
    }
  }

  private take(byte: Byte): boolean {
    if (this.bytes[this.at] !== byte) return false;
    this.at += 1;
    return true;
  }

  private fail(problem: string): false {
    this.problem ??= problem;
    return false;
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= Byte.Zero && byte <= Byte.Nine;
}

function hexValue(byte: number | undefined): number | undefined {
  if (byte === undefined) return undefined;
  if (isDigit(byte)) return byte - Byte.Zero;
  const letter = (byte | 0x20) - 0x61;
  return letter >= 0 && letter < 6 ? letter + 10 : undefined;
}
