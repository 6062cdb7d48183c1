import { decodeStoredEvent, type StoredEvent } from '@event-pipeline/contracts';
import type { SinkEvent } from '@event-pipeline/consumer';
import { SimulatedClock } from '@event-pipeline/runtime/testing';
import type { PutResult, PutWatch, StorableEvent } from '@event-pipeline/store';
import { createMetrics } from '@event-pipeline/telemetry';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import { createEventStoreSink } from './event-store-sink';

const ID = '0B9F4F0E-53A5-4A0C-B1C0-0A6F8A3F5A11';

function sinkEvent(more: object = {}): SinkEvent<StoredEvent> {
  const raw = { eventId: ID, type: 'a.b', timestamp: 5, receivedAt: 7, data: 'secret', ...more };
  const body = JSON.stringify(raw);
  return { event: decodeStoredEvent(body), body };
}

function setUp(result: Partial<PutResult> = {}) {
  const clock = new SimulatedClock();
  const log = createLogSink();
  const metrics = createMetrics({ clock });
  const given: StorableEvent[] = [];
  const watches: (PutWatch | undefined)[] = [];
  const state = { reachable: true };
  const store = {
    put: (events: readonly StorableEvent[], watch?: PutWatch) => {
      given.push(...events);
      watches.push(watch);
      return Promise.resolve({ stored: 0, duplicates: 0, conflicts: [], refused: [], ...result });
    },
    health: () =>
      state.reachable
        ? Promise.resolve({ detail: 'a store of a test', durable: true })
        : Promise.reject(new Error('away')),
  };
  const sink = createEventStoreSink({ store, metrics, clock, logger: log.logger });
  const { signal } = new AbortController();
  const onProgress = () => undefined;
  const put = (events: SinkEvent<StoredEvent>[]) => sink.store(events, signal, onProgress);
  const valueOf = async (series: string) => {
    const lines = (await metrics.text()).split('\n');
    return Number(lines.find((line) => line.startsWith(`${series} `))?.split(' ')[1]);
  };
  const check = () => sink.check?.(new AbortController().signal);
  return { clock, log, given, put, check, state, valueOf, watches, signal, onProgress };
}

describe('the store as a sink', () => {
  it('gives each event with its own text, its id in lower case', async () => {
    const { put, given } = setUp();
    const event = sinkEvent();
    expect(await put([event])).toEqual([]);
    expect(given).toEqual([
      { id: ID.toLowerCase(), type: 'a.b', timestamp: 5, receivedAt: 7, body: event.body },
    ]);
  });

  it('gives what was queued, whatever a handler has made of the event', async () => {
    const { put, given, log } = setUp({ conflicts: [0] });
    const { event, body } = sinkEvent();
    const changed = { ...event, eventId: 'mine', type: 7, timestamp: new Date(5), receivedAt: put };
    await put([{ event: changed as unknown as StoredEvent, body }]);
    expect(given).toEqual([
      { id: ID.toLowerCase(), type: 'a.b', timestamp: 5, receivedAt: 7, body },
    ]);
    expect(log.lines[0]).toMatchObject({ eventId: ID, type: 'a.b' });
  });

  it('hands on when it is given up, and what the store says on its way', async () => {
    const { put, watches, signal, onProgress } = setUp();
    await put([sinkEvent()]);
    expect(watches).toEqual([{ signal, onAnswer: onProgress }]);
  });

  it('hands on which events the store refuses', async () => {
    const refused = [{ index: 1, error: 'no good' }];
    const { put } = setUp({ refused });
    expect(await put([sinkEvent(), sinkEvent()])).toEqual(refused);
  });

  it('can be reached when the store says that it is well', async () => {
    const { check, state } = setUp();
    await expect(check()).resolves.toBeUndefined();
    state.reachable = false;
    await expect(check()).rejects.toThrow('away');
  });

  it('counts what was stored, what was there, and what conflicts', async () => {
    const { put, valueOf } = setUp({ stored: 3, duplicates: 2, conflicts: [0] });
    await put([sinkEvent()]);
    expect(await valueOf('pipeline_events_stored_total')).toBe(3);
    expect(await valueOf('pipeline_events_stored_before_total')).toBe(2);
    expect(await valueOf('pipeline_store_conflicts_total')).toBe(1);
  });

  it('warns of conflicts once a minute, with an id and without content', async () => {
    const { put, log, clock } = setUp({ conflicts: [1] });
    const events = [sinkEvent(), sinkEvent({ eventId: 'other' })];
    await put(events);
    await put(events);
    await put(events);
    expect(log.lines).toHaveLength(1);
    expect(log.lines[0]).toMatchObject({ level: 'warn', eventId: 'other', conflicts: 1 });
    await clock.advance(60_000);
    await put(events);
    expect(log.lines).toHaveLength(2);
    expect(log.lines[1]).toMatchObject({ keptBack: 2 });
    expect(log.text).not.toContain('secret');
  });
});
