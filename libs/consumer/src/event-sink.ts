/**
 * Where events go when their handlers are done and before the queue hears of it: handler, sink,
 * settle. So an event that is settled as done is in the sink.
 */
export interface EventSink<E> {
  /**
   * Resolves once the events are as durable as the sink can make them, and names those that it
   * refuses for what they contain: they become dead letters. An event may come again, after a crash
   * or an answer that was lost: the sink keeps it once.
   *
   * A rejection means that the sink is out of reach, never that an event is bad. The consumer then
   * takes no further leases and tries again with growing delays; no event uses up an attempt. So
   * does silence of 30 s, after which the signal aborts: a sink that takes longer calls `onProgress`
   * for every step that it comes nearer to its end, and must have an end to them.
   *
   * All done events of a lease come in one call: at most MAX_BATCH_EVENTS of the queue.
   *
   * @param signal aborts when the answer is no longer waited for
   * @param onProgress begins the 30 s anew
   */
  store(
    events: readonly SinkEvent<E>[],
    signal: AbortSignal,
    onProgress: () => void,
  ): Promise<readonly SinkRefusal[]>;

  /**
   * Resolves when the sink can be reached, rejects with the reason when not. Asked while an outage
   * lasts and no events are in hand that could be stored: without it, an outage whose events were
   * lost to another worker lasts until the next event comes.
   *
   * @param signal aborts when the answer is no longer waited for, after 30 s
   */
  check?(signal: AbortSignal): Promise<void>;
}

export interface SinkEvent<E> {
  readonly event: E;
  /** Its text, as it was queued. */
  readonly body: string;
}

export interface SinkRefusal {
  /** Its position in the `events` of the call. */
  readonly index: number;
  /** Why, for people. */
  readonly error: string;
}
