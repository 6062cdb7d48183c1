import { Event } from '@event-pipeline/contracts';
import { SimulatedClock } from '@event-pipeline/runtime/testing';
import type { TracedSpan } from '@event-pipeline/telemetry';
import { StreamTrace } from './stream-trace';

/** A span that notes what is done with it. */
class NotedSpan implements TracedSpan {
  readonly traceId = 'trace';
  readonly links: string[] = [];
  readonly attributes: Record<string, unknown> = {};
  ended: string | undefined;

  constructor(
    readonly traceparent: string,
    readonly causes: readonly string[],
  ) {}

  link(traceparent: string): void {
    this.links.push(traceparent);
  }
  child(): TracedSpan {
    throw new Error('not expected');
  }
  set(attributes: object): void {
    Object.assign(this.attributes, attributes);
  }
  end(failure = 'well'): void {
    this.ended = failure;
  }
}

const COUNT = 'messaging.batch.message_count';
const traceparent = (n: number) => `00-${String(n).padStart(32, '1')}-${'2'.repeat(16)}-01`;
const event = (attributes: readonly (readonly [string, string])[] = []) =>
  Event.encode(Event.fromPartial({ type: 'a', attributes: new Map(attributes) })).finish();

/** A trace of a stream whose sections are all sampled, or those only that something led to. */
function scene(samplesAll = true) {
  const spans: NotedSpan[] = [];
  const clock = new SimulatedClock();
  const trace = new StreamTrace((causes) => {
    if (!samplesAll && causes.length === 0) return undefined;
    const span = new NotedSpan(`span ${spans.length}`, causes);
    spans.push(span);
    return span;
  }, clock);
  return { spans, clock, trace };
}

describe('the trace of a stream', () => {
  it('has a span for every 1,000 events, which ends when so many are answered for', () => {
    const { spans, trace } = scene();
    const kept = Array.from({ length: 2_500 }, () => trace.take(event()));
    expect(spans).toHaveLength(3);
    expect(kept[999]).toBe('span 0');
    expect(kept[1_000]).toBe('span 1');
    trace.settled(999);
    expect(spans[0]!.ended).toBeUndefined();
    trace.settled(1);
    expect(spans.map(({ ended }) => ended)).toEqual(['well', undefined, undefined]);
    trace.settled(1_500);
    trace.end();
    expect(spans.map(({ ended }) => ended)).toEqual(['well', 'well', 'well']);
    expect(spans.map(({ attributes }) => attributes[COUNT])).toEqual([1_000, 1_000, 500]);
  });

  it('begins the next span after a second, when an event comes', async () => {
    const { spans, clock, trace } = scene();
    trace.take(event());
    trace.settled(1);
    await clock.advance(999);
    trace.take(event());
    await clock.advance(1);
    expect(spans.map(({ ended }) => ended)).toEqual([undefined]);
    trace.take(event());
    trace.settled(1);
    expect(spans.map(({ ended }) => ended)).toEqual(['well', undefined]);
  });

  it('belongs to what its events came with, and begins with the first that is sampled', () => {
    const { spans, trace } = scene(false);
    expect(trace.take(event())).toBe('');
    expect(trace.take(event([['traceparent', traceparent(1)]]))).toBe('span 0');
    expect(trace.take(event())).toBe('span 0');
    expect(trace.take(event([['traceparent', traceparent(2)]]))).toBe('span 0');
    expect(spans).toMatchObject([{ causes: [traceparent(1)], links: [traceparent(2)] }]);
  });

  it('tells in every span that is open why the stream failed', () => {
    const { spans, trace } = scene();
    for (let i = 0; i < 1_500; i++) trace.take(event());
    trace.end('QUEUE_UNAVAILABLE');
    trace.end('CANCELLED');
    expect(spans.map(({ ended }) => ended)).toEqual(['QUEUE_UNAVAILABLE', 'QUEUE_UNAVAILABLE']);
  });
});
