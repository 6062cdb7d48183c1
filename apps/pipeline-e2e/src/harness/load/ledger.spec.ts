import { eventId } from '../events-file';
import { Ledger } from './ledger';
import { isRefused, numberedContent, numberedEvent, contentOf } from './numbered-event';

describe('the ledger', () => {
  it('knows of each event that was sent what became of it', () => {
    const ledger = new Ledger(1);
    expect(ledger.take(4)).toEqual([0, 1, 2, 3]);
    ledger.acknowledge(0);
    ledger.giveUp(2);
    expect(ledger.counts).toEqual({ sent: 4, open: 2, acknowledged: 1, refused: 0, unknown: 1 });
    expect([...ledger.entries()].map(({ eventId: id, outcome }) => [id, outcome])).toEqual([
      [eventId(0), 'acknowledged'],
      [eventId(1), 'open'],
      [eventId(2), 'unknown'],
      [eventId(3), 'open'],
    ]);
    expect(ledger.breaches).toEqual([]);
  });

  it('has a limit', () => {
    const ledger = new Ledger(1, 3);
    expect(ledger.take(2)).toEqual([0, 1]);
    expect(ledger.take(2)).toEqual([2]);
    expect(ledger.take(2)).toEqual([]);
    expect(ledger.counts.sent).toBe(3);
  });

  it('tells of a second answer, of a valid event refused, and of an invalid one taken', () => {
    const ledger = new Ledger(1);
    const invalid = ledger.take(100).findIndex(isRefused);
    ledger.refuse(invalid, 'no type');
    expect(ledger.breaches).toEqual([]);
    ledger.acknowledge(0);
    ledger.acknowledge(0);
    ledger.refuse(1, 'why not');
    const another = new Ledger(1);
    another.take(100);
    another.acknowledge(invalid);
    expect(ledger.breaches).toEqual([
      'event 0, acknowledged already, became acknowledged',
      'event 1, which is valid, was refused for good: why not',
    ]);
    expect(another.breaches).toHaveLength(1);
  });
});

describe('a numbered event', () => {
  it('says the same for the same seed and number, and something else for others', () => {
    const content = (n: number, seed: number) => {
      const { type, timestamp, data } = numberedEvent(n, seed);
      return contentOf({
        type,
        timestamp,
        data: JSON.parse(Buffer.from(data).toString()) as unknown,
      });
    };
    expect(content(5, 1)).toBe(numberedContent(5, 1));
    expect(new Set([content(5, 1), content(5, 1), content(6, 1), content(5, 2)]).size).toBe(3);
  });
});
