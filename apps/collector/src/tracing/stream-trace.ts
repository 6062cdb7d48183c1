import type { Clock } from '@event-pipeline/runtime';
import type { TracedSpan } from '@event-pipeline/telemetry';
import { sampledTraceparents } from './sampled-traceparents';

/** A span of a stream has at most so many events, and none that came later than this after its first. */
const SECTION_EVENTS = 1_000;
const SECTION_MS = 1_000;

/** Events of a stream that came one after the other. */
interface Section {
  readonly begin: number;
  readonly first: number;
  /** Undefined while it is not sampled. */
  span: TracedSpan | undefined;
  /** How many events of the stream had come when it was full. */
  end: number;
}

/**
 * The spans of one StreamEvents call. A stream may last for days and a span is sent only at its end, so
 * the stream is traced in sections, one after the other. The span of a section ends when as many events
 * are answered for as had come by its last.
 */
export class StreamTrace {
  private current: Section | undefined;
  /** Full, and not ended, in their order. */
  private readonly full: Section[] = [];
  private taken = 0;
  private settledEvents = 0;

  constructor(
    /** Undefined where a section is not sampled. */
    private readonly begin: (causes: readonly string[]) => TracedSpan | undefined,
    private readonly clock: Clock,
  ) {}

  /** Of the section that events go into now, where it is sampled. */
  get traceId(): string | undefined {
    return this.current?.span?.traceId;
  }

  /** Takes the next event as it came; returns the traceparent that is kept with it, or nothing. */
  take(event: Uint8Array): string {
    const now = this.clock.monotonic();
    let { current } = this;
    const isFull =
      current !== undefined &&
      (this.taken - current.first >= SECTION_EVENTS || now - current.begin >= SECTION_MS);
    if (isFull) this.close();
    const causes = sampledTraceparents(event, 1);
    if (current === undefined || isFull) {
      current = { begin: now, first: this.taken, span: this.begin(causes), end: 0 };
      this.current = current;
    } else if (causes[0] !== undefined) {
      if (current.span === undefined) current.span = this.begin(causes);
      else current.span.link(causes[0]);
    }
    this.taken += 1;
    return current.span?.traceparent ?? '';
  }

  /** So many events more are durable or refused. */
  settled(events: number): void {
    this.settledEvents += events;
    this.endFull();
  }

  /** The stream is over. */
  end(failure?: string): void {
    this.close();
    for (const { span } of this.full.splice(0)) span?.end(failure);
  }

  private close(): void {
    const { current } = this;
    if (current === undefined) return;
    this.current = undefined;
    current.end = this.taken;
    current.span?.set({ 'messaging.batch.message_count': this.taken - current.first });
    this.full.push(current);
    this.endFull();
  }

  private endFull(): void {
    for (let [first] = this.full; first && first.end <= this.settledEvents; [first] = this.full) {
      first.span?.end();
      this.full.shift();
    }
  }
}
