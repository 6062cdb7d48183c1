import { RejectionCode, type Rejection } from '@event-pipeline/contracts';

/**
 * What the queue keeps of the first answer to a batch: how many events were accepted, and which
 * were refused why. The words are left out: the batch that comes again holds the same events, so
 * they are found again by judging it.
 */
export interface BatchAnswer {
  readonly accepted: number;
  readonly rejections: readonly Rejection[];
}

/** "accepted;index:code,index:code" with indexes from the start of the request. */
export function encodeAnswer({ accepted, rejections }: BatchAnswer): string {
  return `${accepted};${rejections.map(({ index, code }) => `${index}:${code}`).join(',')}`;
}

/**
 * The first answer in full.
 *
 * @param judgedNow the rejections of the same events as they were judged now; an event that was
 *   refused then and is not now (its timestamp was too far ahead) is reported as it was then
 */
export function decodeAnswer(text: string, judgedNow: readonly Rejection[]): BatchAnswer {
  const [accepted = '', refused = ''] = text.split(';');
  const words = new Map(judgedNow.map((rejection) => [rejection.index, rejection]));
  const rejections = refused === '' ? [] : refused.split(',').map((pair) => parse(pair, words));
  return { accepted: Number(accepted), rejections };
}

function parse(pair: string, words: ReadonlyMap<number, Rejection>): Rejection {
  const [index = NaN, code = NaN] = pair.split(':').map(Number);
  const now = words.get(index);
  if (now?.code === code) return now;
  const name = RejectionCode[code] ?? 'unknown';
  return { index, eventId: now?.eventId ?? '', code, message: `refused before: ${name}` };
}
