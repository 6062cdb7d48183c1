/**
 * The header by which W3C Trace Context names a span: version, trace, span and flags
 * (https://www.w3.org/TR/trace-context/#traceparent-header).
 */
export interface SpanName {
  readonly traceId: string;
  readonly spanId: string;
  /** Whether whoever began the span keeps it. */
  readonly isSampled: boolean;
}

/** Of version 00, which every later one must begin with. */
const LENGTH = 55;
const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-|$)/;
const NO_TRACE = '0'.repeat(32);
const NO_SPAN = '0'.repeat(16);
const SAMPLED = 1;

/** Undefined for what is no traceparent: as the standard has it, such a text is ignored. */
export function parseTraceparent(text: string): SpanName | undefined {
  const [, version, traceId, spanId, flags] = FORM.exec(text) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  if (version === 'ff' || (version === '00' && text.length !== LENGTH)) return undefined;
  if (traceId === NO_TRACE || spanId === NO_SPAN) return undefined;
  return { traceId, spanId, isSampled: (parseInt(flags, 16) & SAMPLED) === SAMPLED };
}

export function printTraceparent({ traceId, spanId, isSampled }: SpanName): string {
  return `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`;
}
