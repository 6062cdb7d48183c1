/**
 * A program for tracing.e2e.spec.ts: an application with an OpenTelemetry SDK of its own. Publishes in one
 * batch an event within a span "place order", one within a span "log in", and one outside of any.
 *
 *     node traced-application.js COLLECTOR RECEIVER
 */
import { ROOT_CONTEXT, trace, type Span } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { Publisher } from '@event-pipeline/publisher';

const [collectors = '', receiver = ''] = process.argv.slice(2);

async function main(): Promise<void> {
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'shop' }),
    spanProcessors: [
      new SimpleSpanProcessor(new OTLPTraceExporter({ url: `${receiver}/v1/traces` })),
    ],
  });
  const tracer = provider.getTracer('shop');
  let current: Span | undefined;
  const publisher = new Publisher({
    collectors,
    traceparent: () => traceparentOf(current),
    // All go in one batch, which the flush sends.
    lingerMs: 60_000,
  });
  const order = tracer.startSpan('place order', {}, ROOT_CONTEXT);
  const login = tracer.startSpan('log in', {}, ROOT_CONTEXT);
  current = order;
  const sent = [publisher.publish({ type: 'order_placed' })];
  current = login;
  sent.push(publisher.publish({ type: 'user_login', attributes: { tenant: 'a' } }));
  current = undefined;
  sent.push(publisher.publish({ type: 'page_view' }));
  await publisher.flush();
  await Promise.all(sent);
  await publisher.close();
  order.end();
  login.end();
  await provider.shutdown();
  console.log('done');
}

function traceparentOf(span: Span | undefined): string | undefined {
  const context = span && trace.setSpan(ROOT_CONTEXT, span);
  const name = context && trace.getSpanContext(context);
  if (name === undefined) return undefined;
  return `00-${name.traceId}-${name.spanId}-0${name.traceFlags}`;
}

void main();
