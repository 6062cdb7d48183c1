import { PublishEventsRequest } from '@event-pipeline/contracts';
import { partitionOf } from '@event-pipeline/queue';
import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { validEvent } from '../testing/raw-client';
import { readBatchFrame } from './batch-frame';
import { judgeEvents, partsOf, restateEvents } from './batch-parts';
import { EventIngestor } from './event-ingestor';

const LIMITS = { maxDataBytes: 100, maxAttributes: 1, maxAttributeBytes: 10, maxFieldBytes: 10 };
const ingestor = new EventIngestor(LIMITS, new SimulatedClock(Date.UTC(2026, 5, 1)));

/** Some with a key of their own, one that is refused, one for the slow way. */
const events = Array.from({ length: 2_500 }, (_, n) =>
  validEvent({
    ...(n % 3 === 0 && { partitionKey: `key-${n % 7}` }),
    ...(n === 3 && { type: '?' }),
    ...(n === 5 && { source: 'größe' }),
  }),
);
const frame = readBatchFrame(PublishEventsRequest.encode({ batchId: '', events }).finish(), 10_000);
const kept = events.filter((_, n) => n !== 3);

const partsAsTexts = (...args: Parameters<typeof partsOf>) =>
  partsOf(...args).map(({ partition, bodies, bytes }) => ({
    partition,
    texts: bodies.texts(),
    bytes,
  }));

describe('the parts of a request', () => {
  it('have each accepted event once, in its partition, in order, at most 1,000 in each', () => {
    const { accepted, rejections } = judgeEvents(ingestor, frame, true);
    expect(rejections.map(({ index }) => index)).toEqual([3]);
    for (const count of [1, 4]) {
      const parts = partsAsTexts(accepted, count);
      for (const { texts } of parts) expect(texts.length).toBeLessThanOrEqual(1_000);
      for (let partition = 0; partition < count; partition++) {
        const texts = parts.filter((part) => part.partition === partition).flatMap((p) => p.texts);
        const ids = texts.map((text) => (JSON.parse(text) as { eventId: string }).eventId);
        const expected = kept.filter(
          ({ partitionKey, eventId }) => partitionOf(partitionKey || eventId, count) === partition,
        );
        expect(ids).toEqual(expected.map(({ eventId }) => eventId));
      }
    }
  });

  it('are the same where the partitions have become more since the events were judged', () => {
    const foreseen = partsAsTexts(judgeEvents(ingestor, frame, true).accepted, 4);
    expect(partsAsTexts(judgeEvents(ingestor, frame, false).accepted, 4)).toEqual(foreseen);
  });

  it('are the same where the events are stated again, but for those refused the first time', () => {
    const { accepted } = judgeEvents(ingestor, frame, true);
    expect(partsAsTexts(restateEvents(ingestor, frame, new Set([3])), 4)).toEqual(
      partsAsTexts(accepted, 4),
    );
  });
});
