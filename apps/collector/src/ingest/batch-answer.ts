import { RejectionCode, type Rejection } from '@event-pipeline/contracts';

/** How many events of a batch were accepted, and which were refused why. */
export interface BatchAnswer {
  readonly accepted: number;
  readonly rejections: readonly Rejection[];
}

/**
 * What the queue keeps under a batch id: the first answer. The words of the rejections are left out:
 * the batch that comes again holds the same events, so they are found again by judging it.
 */
export interface RecordedAnswer extends BatchAnswer {
  /**
   * Whether the events were queued in the same step as the record; else they follow it in parts, and
   * may be missing.
   */
  readonly isWhole: boolean;
}

const RADIX = 36;

/**
 * `whole;accepted;first:codes`, with a digit for each event from the first refused one to the last,
 * 0 where it was accepted. So its length is bounded by the number of events, whatever became of them.
 */
export function encodeAnswer({ isWhole, accepted, rejections }: RecordedAnswer): string {
  const first = rejections[0]?.index ?? 0;
  const digits: string[] = [];
  for (const { index, code } of rejections) {
    while (digits.length < index - first) digits.push('0');
    digits.push(code.toString(RADIX));
  }
  return `${isWhole ? 1 : 0};${accepted};${first}:${digits.join('')}`;
}

/**
 * The first answer in full.
 *
 * @param judgedNow the rejections of the same events as they were judged now; an event that was
 *   refused then and is not now (its timestamp was too far ahead) is reported as it was then
 */
export function decodeAnswer(text: string, judgedNow: readonly Rejection[]): RecordedAnswer {
  const [isWhole, accepted, refused = ''] = text.split(';');
  const words = new Map(judgedNow.map((rejection) => [rejection.index, rejection]));
  const [first = '0', digits = ''] = refused.split(':');
  const rejections = [...digits].flatMap((digit, at) =>
    digit === '0' ? [] : inFull(Number(first) + at, Number.parseInt(digit, RADIX), words),
  );
  return { isWhole: isWhole === '1', accepted: Number(accepted), rejections };
}

function inFull(
  index: number,
  code: RejectionCode,
  words: ReadonlyMap<number, Rejection>,
): Rejection {
  const now = words.get(index);
  if (now?.code === code) return now;
  const name = RejectionCode[code] ?? 'unknown';
  return { index, eventId: now?.eventId ?? '', code, message: `refused before: ${name}` };
}
