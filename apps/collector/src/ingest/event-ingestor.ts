import {
  encodeStoredEvent,
  RejectionCode,
  type Event,
  type Rejection,
} from '@event-pipeline/contracts';
import { PipelineError, type Clock } from '@event-pipeline/runtime';
import { decodeEvent, type Refusal } from './event-decoder';
import type { EventOrigin } from './event-origin';
import { refusalOf, type EventLimits } from './event-validator';
import { PlainEventReader } from './plain-event';
import { StorableText, type StorableEvent } from './storable-event';

export type Verdict = StorableEvent | { readonly rejection: Rejection };

const SHOWN_ID_LENGTH = 64;

/**
 * Judges single events: bytes in, the text to be queued or a rejection out. Never throws, so one
 * bad event never fails its neighbours.
 */
export class EventIngestor {
  private readonly plain: PlainEventReader;

  constructor(
    private readonly limits: EventLimits,
    private readonly clock: Clock,
  ) {
    this.plain = new PlainEventReader(limits);
  }

  /** When events are judged: Unix ms, for {@link judge}. */
  now(): number {
    return this.clock.now();
  }

  /**
   * Judges the event that stands in these bytes. What is accepted is to be written before the next
   * event is judged, and before the bytes change.
   *
   * @param index position of the event in its stream or batch, for the rejection
   * @param origin who sends it; undefined: anybody, who may send anything
   * @param traceparent of the span that received it, which is kept with it; empty for none
   */
  judge(
    bytes: Uint8Array,
    from: number,
    to: number,
    index: number,
    now: number,
    origin?: EventOrigin,
    traceparent = '',
  ): Verdict {
    if (this.plain.read(bytes, from, to, now, origin, traceparent)) return this.plain;
    return this.judgeClosely(bytes.subarray(from, to), index, now, origin, traceparent);
  }

  /** The slow way, for any event: decoded, checked and encoded by the contract's own code. */
  judgeClosely(
    bytes: Uint8Array,
    index: number,
    now: number,
    origin?: EventOrigin,
    traceparent = '',
  ): Verdict {
    const { event, refusal } = decodeEvent(bytes);
    if (refusal) return reject(refusal, index, event?.eventId ?? '');
    const invalid = refusalOf(event, this.limits, now) ?? origin?.refusalOf(event.type);
    if (invalid) return reject(invalid, index, event.eventId);
    return storable(event, now, origin, traceparent);
  }

  /** An event that was accepted before, whatever the limits and the clock say now. */
  restate(bytes: Uint8Array, origin?: EventOrigin, traceparent = ''): StorableEvent {
    const { event, refusal } = decodeEvent(bytes);
    if (refusal) throw new PipelineError('INTERNAL', `accepted before: ${refusal.message}`);
    return storable(event, this.clock.now(), origin, traceparent);
  }
}

function storable(
  event: Event,
  now: number,
  origin: EventOrigin | undefined,
  traceparent: string,
): StorableEvent {
  event.eventId = event.eventId.toLowerCase();
  const key = event.partitionKey === '' ? event.eventId : event.partitionKey;
  return new StorableText(encodeStoredEvent(event, now, traceparent, origin?.principal), key);
}

function reject({ code, message }: Refusal, index: number, eventId: string): Verdict {
  const rejection: Rejection = { index, eventId: eventId.slice(0, SHOWN_ID_LENGTH), code, message };
  return { rejection };
}

/** The reason as metrics and logs name it: "invalid_type" for REJECTION_CODE_INVALID_TYPE. */
export function reasonName(code: RejectionCode): string {
  return (RejectionCode[code] ?? 'unknown').replace('REJECTION_CODE_', '').toLowerCase();
}
