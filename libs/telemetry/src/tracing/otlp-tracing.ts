import { hostname } from 'node:os';
import {
  INVALID_SPAN_CONTEXT,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
  type Context,
  type Link,
  type Span,
  type SpanContext,
  type Tracer,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base';
import type { Clock } from '@event-pipeline/runtime';
import { SpanDelivery } from './span-delivery';
import { parseTraceparent, printTraceparent } from './traceparent';
import {
  MAX_LINKS,
  type SpanAttributes,
  type SpanRole,
  type SpanStart,
  type TracedSpan,
  type Tracing,
  type TracingParts,
} from './tracing';
import { headersOf, tracesUrl, type TracingConfig } from './tracing-config';

const KINDS: Readonly<Record<SpanRole, SpanKind>> = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
};

/** Spans that wait to be sent; those that come above it are lost. */
const MAX_WAITING_SPANS = 2_048;
const MAX_SPANS_A_REQUEST = 512;
const SEND_INTERVAL_MS = 1_000;
/** How long a request may take, its repetitions included. */
const SEND_LIMIT_MS = 10_000;
/** How long a stop may take. */
const STOP_LIMIT_MS = 2_000;
const MAX_ATTRIBUTES = 32;
const MAX_ATTRIBUTE_LENGTH = 256;

type Config = TracingConfig & { readonly tracesEndpoint: string };

/**
 * Tracing by OpenTelemetry's SDK. Nothing of it is registered for the process as a whole: what else
 * runs in it, handlers of the user among it, may have an SDK of its own.
 */
export class OtlpTracing implements Tracing {
  readonly name = 'tracing';
  private readonly provider: BasicTracerProvider;
  private readonly tracer: Tracer;
  private readonly clock: Clock;
  private stopped: Promise<void> | undefined;

  constructor(config: Config, { name, clock, logger }: TracingParts) {
    const url = tracesUrl(config.tracesEndpoint);
    const exporter = new OTLPTraceExporter({
      url,
      headers: { ...headersOf(config.tracesHeaders ?? '') },
      timeoutMillis: SEND_LIMIT_MS,
      concurrencyLimit: 4,
    });
    this.clock = clock;
    // Every limit is given: what is not, the SDK reads from variables that no document of ours names.
    this.provider = new BasicTracerProvider({
      resource: resourceFromAttributes({
        'service.name': config.serviceName ?? name,
        'host.name': hostname(),
        'process.pid': process.pid,
      }),
      sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(config.tracesRatio) }),
      spanLimits: {
        attributeCountLimit: MAX_ATTRIBUTES,
        attributeValueLengthLimit: MAX_ATTRIBUTE_LENGTH,
        linkCountLimit: MAX_LINKS,
        eventCountLimit: 0,
      },
      spanProcessors: [
        new BatchSpanProcessor(new SpanDelivery(exporter, url, clock, logger), {
          maxQueueSize: MAX_WAITING_SPANS,
          maxExportBatchSize: MAX_SPANS_A_REQUEST,
          scheduledDelayMillis: SEND_INTERVAL_MS,
          exportTimeoutMillis: SEND_LIMIT_MS,
        }),
      ],
    });
    this.tracer = this.provider.getTracer('event-pipeline');
  }

  begin(
    name: string,
    { role, attributes, caller, causes = [] }: SpanStart,
  ): TracedSpan | undefined {
    const called = caller === undefined ? undefined : contextOf(caller);
    const known = new Map<string, SpanContext>();
    if (called !== undefined && isSampled(called)) known.set(called.spanId, called);
    for (const cause of causes) {
      if (known.size > MAX_LINKS) break;
      const context = contextOf(cause);
      if (context !== undefined && isSampled(context)) known.set(context.spanId, context);
    }
    const [parent = called, ...others] = known.values();
    const links: Link[] = others.map((context) => ({ context }));
    const within = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
    const options = { kind: KINDS[role], links, ...(attributes && { attributes }) };
    const span = this.tracer.startSpan(name, options, within);
    return span.isRecording() ? new OtlpSpan(this.tracer, span, new Set(known.keys())) : undefined;
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    this.stopped ??= this.provider.shutdown().catch(() => undefined);
    const limit = this.clock.sleep(STOP_LIMIT_MS, AbortSignal.any([signal, over.signal]));
    return Promise.race([this.stopped, limit]).finally(() => over.abort());
  }
}

class OtlpSpan implements TracedSpan {
  private readonly context: Context;

  constructor(
    private readonly tracer: Tracer,
    private readonly span: Span,
    /** The spans that it names already. */
    private readonly known: Set<string>,
  ) {
    this.context = trace.setSpan(ROOT_CONTEXT, span);
  }

  get traceId(): string {
    return this.span.spanContext().traceId;
  }

  get traceparent(): string {
    const { traceId, spanId, traceFlags } = this.span.spanContext();
    return printTraceparent({
      traceId,
      spanId,
      isSampled: (traceFlags & TraceFlags.SAMPLED) !== 0,
    });
  }

  link(traceparent: string): void {
    if (this.known.size > MAX_LINKS) return;
    const context = contextOf(traceparent);
    if (context === undefined || !isSampled(context) || this.known.has(context.spanId)) return;
    this.known.add(context.spanId);
    this.span.addLink({ context });
  }

  child(name: string, { role, attributes }: Pick<SpanStart, 'role' | 'attributes'>): TracedSpan {
    const options = { kind: KINDS[role], ...(attributes && { attributes }) };
    const span = this.tracer.startSpan(name, options, this.context);
    return new OtlpSpan(this.tracer, span, new Set());
  }

  set(attributes: SpanAttributes): void {
    this.span.setAttributes(attributes);
  }

  end(failure?: string): void {
    if (!this.span.isRecording()) return;
    if (failure !== undefined) {
      this.span.setStatus({ code: SpanStatusCode.ERROR, message: failure });
      this.span.setAttribute('error.type', failure);
    }
    this.span.end();
  }
}

function isSampled({ traceFlags }: SpanContext): boolean {
  return (traceFlags & TraceFlags.SAMPLED) !== 0;
}

function contextOf(traceparent: string): SpanContext | undefined {
  const name = parseTraceparent(traceparent);
  if (name === undefined) return undefined;
  const { traceId, spanId, isSampled: sampled } = name;
  const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  return { ...INVALID_SPAN_CONTEXT, traceId, spanId, traceFlags, isRemote: true };
}
