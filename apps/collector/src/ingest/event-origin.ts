import { RejectionCode } from '@event-pipeline/contracts';
import type { Refusal } from './event-decoder';
import type { Field } from './event-fields';

/** One entry of a list of types: exact, or the beginning of a type where it ends with `*`. */
interface TypePattern {
  readonly bytes: Uint8Array;
  readonly isPrefix: boolean;
}

const ANYTHING = '*';

/**
 * Who sends events, as far as it concerns each of them: the name that is stored with it, and which types
 * may be sent. Made once for a principal, and looked at for each event: nothing is made here then.
 */
export class EventOrigin {
  /** The member of the stored text, with the comma before it. */
  readonly member: string;
  private patterns: readonly TypePattern[] | undefined;
  /** The pattern that fitted last: most streams are of few types. */
  private last: TypePattern | undefined;

  /** @param eventTypes see {@link allow} */
  constructor(
    readonly principal: string,
    eventTypes: readonly string[],
  ) {
    this.member = `,"principal":${JSON.stringify(principal)}`;
    this.allow(eventTypes);
  }

  /** From now on these types may be sent: exact ones, beginnings that end with `*`, or `*` for all. */
  allow(eventTypes: readonly string[]): void {
    this.last = undefined;
    this.patterns = eventTypes.includes(ANYTHING) ? undefined : eventTypes.map(patternOf);
  }

  /** Whether events of the type that stands there may be sent. */
  mayPublishAt(bytes: Uint8Array, type: Field): boolean {
    const { patterns, last } = this;
    if (patterns === undefined) return true;
    if (last !== undefined && fits(bytes, type, last)) return true;
    for (const pattern of patterns) {
      if (!fits(bytes, type, pattern)) continue;
      this.last = pattern;
      return true;
    }
    return false;
  }

  /** Why an event of this type is refused; undefined where it is not. */
  refusalOf(type: string): Refusal | undefined {
    if (this.patterns === undefined) return undefined;
    const bytes = Buffer.from(type);
    if (this.mayPublishAt(bytes, { at: 0, length: bytes.length })) return undefined;
    return {
      code: RejectionCode.REJECTION_CODE_TYPE_NOT_ALLOWED,
      message: `${this.principal} may not send events of the type ${JSON.stringify(type)}`,
    };
  }
}

function patternOf(text: string): TypePattern {
  const isPrefix = text.endsWith(ANYTHING);
  return { bytes: Buffer.from(isPrefix ? text.slice(0, -ANYTHING.length) : text), isPrefix };
}

function fits(bytes: Uint8Array, type: Field, { bytes: wanted, isPrefix }: TypePattern): boolean {
  if (isPrefix ? type.length < wanted.length : type.length !== wanted.length) return false;
  for (let i = 0; i < wanted.length; i++) if (bytes[type.at + i] !== wanted[i]) return false;
  return true;
}
