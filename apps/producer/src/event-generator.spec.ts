import { systemClock, systemRandom } from '@event-pipeline/runtime';
import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { GeneratedEvents } from './event-generator';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('generated events', () => {
  const generate = (count: number, seed?: number, types = ['page_view', 'user_login']) =>
    new GeneratedEvents({ count, types, seed }, { clock: systemClock, random: systemRandom });
  const all = (source: GeneratedEvents) => source.take(Infinity, Infinity);

  it('are as many as wanted, and then the source has ended', () => {
    const source = generate(10);
    expect(source.take(4, Infinity)).toHaveLength(4);
    expect(source.ended).toBe(false);
    expect(source.take(100, Infinity)).toHaveLength(6);
    expect(source.ended).toBe(true);
    expect(source.take(1, Infinity)).toEqual([]);
    expect(source.total).toBe(10);
  });

  it('come no further than the event that reaches the byte limit', () => {
    const [first] = generate(1, 1).take(1, Infinity);
    expect(generate(10, 1).take(10, first!.bytes + 1)).toHaveLength(2);
  });

  it('take the types in turn, and are numbered from 1', () => {
    const events = all(generate(5, undefined, ['a', 'b', 'c']));
    expect(events.map(({ event }) => event.type)).toEqual(['a', 'b', 'c', 'a', 'b']);
    expect(events.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5]);
  });

  it('happen now', () => {
    const clock = new SimulatedClock();
    const options = { count: 1, types: ['a'], seed: undefined };
    const [made] = new GeneratedEvents(options, { clock, random: systemRandom }).take(1, 1);
    expect(made?.event.timestamp).toBe(clock.now());
  });

  it.each([undefined, 0, 1, 2 ** 40])('have ids of their own that are UUIDs (seed %s)', (seed) => {
    const ids = all(generate(20_000, seed)).map(({ event }) => event.eventId);
    expect(new Set(ids).size).toBe(20_000);
    expect(ids.filter((id) => !UUID.test(id))).toEqual([]);
  });

  it('are the same in every run with one seed, and share no id with another seed', () => {
    const first = all(generate(5_000, 1));
    expect(all(generate(5_000, 1))).toEqual(first);
    const ids = new Set(first.map(({ event }) => event.eventId));
    for (const seed of [0, 2, 2 ** 32 + 1]) {
      expect(all(generate(5_000, seed)).filter(({ event }) => ids.has(event.eventId))).toEqual([]);
    }
  });
});
