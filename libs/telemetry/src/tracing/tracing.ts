import type { Clock, Component } from '@event-pipeline/runtime';
import type { Logger } from '../logger';
import type { TracingConfig } from './tracing-config';

/** Most links of a span: of what led to it, so much is named beside its parent. */
export const MAX_LINKS = 32;

export type SpanRole = 'server' | 'client' | 'producer' | 'consumer' | 'internal';
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

export interface SpanStart {
  readonly role: SpanRole;
  readonly attributes?: SpanAttributes;
  /**
   * The traceparent of the call that the span serves, where it came with one. It is the parent, and
   * where it is not sampled and none of `causes` is, neither is this span.
   */
  readonly caller?: string | undefined;
  /**
   * The traceparents of other spans that led here, sampled ones only. Where no caller is sampled, the
   * first is the parent; the others, {@link MAX_LINKS} at most, are links.
   */
  readonly causes?: readonly string[];
}

/** A span that is kept. Ends once; what is said of it afterwards is lost. */
export interface TracedSpan {
  readonly traceId: string;
  /** Its name for others: what they begin with it belongs to the same trace. */
  readonly traceparent: string;
  /** Names another span that led here, if it is sampled; {@link MAX_LINKS} at most are kept. */
  link(traceparent: string): void;
  child(name: string, start: Pick<SpanStart, 'role' | 'attributes'>): TracedSpan;
  set(attributes: SpanAttributes): void;
  /** @param failure why it failed, a word of a closed list; undefined where it did not */
  end(failure?: string): void;
}

/**
 * Where spans are begun. For calls and batches, not for single events: a span costs some
 * microseconds.
 *
 * Spans are sent in batches in the background, at most 2,048 wait, and what comes above that is lost.
 * A receiver that is out of reach costs a warning a minute. Its stop sends what waits, for at most two
 * seconds.
 */
export interface Tracing extends Component {
  /** Undefined where the span is not sampled. */
  begin(name: string, start: SpanStart): TracedSpan | undefined;
}

/** What tracing takes. */
export interface TracingParts {
  /** Of the program. */
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Undefined where no receiver is configured: then none of OpenTelemetry's code is loaded, and who
 * would begin spans should decide so once, at its construction.
 */
export async function createTracing(
  config: TracingConfig,
  parts: TracingParts,
): Promise<Tracing | undefined> {
  const { tracesEndpoint } = config;
  if (tracesEndpoint === undefined) return undefined;
  const { OtlpTracing } = await import('./otlp-tracing');
  return new OtlpTracing({ ...config, tracesEndpoint }, parts);
}
