import { PipelineError } from '@event-pipeline/runtime';

/**
 * The texts that a script has packed by `cmsgpack.pack`: a MessagePack array of texts, in whichever
 * of their forms Redis takes. None for an empty reply. The link would handle the elements of an
 * ordinary reply one by one, which costs a worker more than the parts it needs of them.
 *
 * @throws PipelineError QUEUE_CORRUPT for anything else
 */
export function unpackTexts(packed: Buffer): string[] {
  const texts: string[] = [];
  if (packed.length === 0) return texts;
  let { value: count, at } = head(packed, 0, ARRAY_FORMS);
  for (; count > 0; count--) {
    const text = head(packed, at, TEXT_FORMS);
    at = text.at + text.value;
    if (at > packed.length) throw corrupt();
    texts.push(packed.toString('utf8', text.at, at));
  }
  if (at !== packed.length) throw corrupt();
  return texts;
}

/** How MessagePack tells a length: in the first byte itself, or in the 1, 2 or 4 bytes after it. */
interface Forms {
  readonly fixed: number;
  readonly fixedMask: number;
  /** The first bytes of the other forms, where they exist. */
  readonly one: number;
  readonly two: number;
  readonly four: number;
}

const NONE = -1;
const ARRAY_FORMS: Forms = { fixed: 0x90, fixedMask: 0x0f, one: NONE, two: 0xdc, four: 0xdd };
const TEXT_FORMS: Forms = { fixed: 0xa0, fixedMask: 0x1f, one: 0xd9, two: 0xda, four: 0xdb };

/** The length that begins at a position, and where what it is the length of begins. */
function head(packed: Buffer, at: number, forms: Forms): { value: number; at: number } {
  const first = packed[at] ?? NONE;
  const left = packed.length - at;
  if (first === forms.two && left >= 3) return { value: packed.readUInt16BE(at + 1), at: at + 3 };
  if (first === forms.one && left >= 2) return { value: packed.readUInt8(at + 1), at: at + 2 };
  if (first === forms.four && left >= 5) return { value: packed.readUInt32BE(at + 1), at: at + 5 };
  if (first !== NONE && (first & ~forms.fixedMask) === forms.fixed) {
    return { value: first & forms.fixedMask, at: at + 1 };
  }
  throw corrupt();
}

function corrupt(): PipelineError {
  return new PipelineError('QUEUE_CORRUPT', 'unexpected reply from Redis: packed texts');
}
