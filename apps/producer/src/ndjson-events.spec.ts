import { PassThrough, Readable } from 'node:stream';
import fc from 'fast-check';
import type { EventSource, OutgoingEvent } from './event-source';
import { MAX_LINE_BYTES } from './line-splitter';
import { ndjsonFrom } from './testing/run';

async function readAll(source: EventSource, maxEvents = 1_000): Promise<OutgoingEvent[]> {
  const events: OutgoingEvent[] = [];
  while (!source.ended) {
    const taken = source.take(maxEvents, Infinity);
    events.push(...taken);
    if (taken.length === 0) await source.whenReady();
  }
  return events;
}

const found = (events: OutgoingEvent[]) =>
  events.map(({ event, position }) => [position, event.type]);

describe('events from a file', () => {
  it('are found however the bytes are cut into chunks', async () => {
    const text = '\ufeff{"type":"é1"}\r\n\n  \n{"type":"a"}\nnonsense\n{"type":"last"}';
    const bytes = Buffer.from(text);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: bytes.length }), { maxLength: 20 }),
        fc.integer({ min: 1, max: 4 }),
        async (cuts, maxEvents) => {
          const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
          const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
          const { source, badLines } = ndjsonFrom(chunks);
          const events = await readAll(source, maxEvents);
          expect(found(events)).toEqual([
            [1, 'é1'],
            [4, 'a'],
            [6, 'last'],
          ]);
          expect(badLines.map(({ line }) => line)).toEqual([5]);
        },
      ),
    );
  });

  it('has no events in an empty file', async () => {
    const { source, badLines } = ndjsonFrom([]);
    expect(await readAll(source)).toEqual([]);
    expect(badLines).toEqual([]);
  });

  it('reports a line that is not UTF-8 by its number, and goes on', async () => {
    const { source, badLines } = ndjsonFrom([
      Buffer.concat([Buffer.from('{"type":"'), Buffer.from([0xff]), Buffer.from('"}\n')]),
      '{"type":"b"}\n',
    ]);
    expect(found(await readAll(source))).toEqual([[2, 'b']]);
    expect(badLines).toEqual([{ line: 1, reason: 'not valid UTF-8' }]);
  });

  it('skips a line that is too long without keeping it, and takes one that just fits', async () => {
    function* endless() {
      for (let written = 0; written < 300 * MAX_LINE_BYTES; written += 65_536) {
        yield Buffer.alloc(65_536, ' ');
      }
      yield Buffer.from('{"type":"a"}\n');
      const frame = Buffer.byteLength('{"type":"a","data":""}');
      const data = 'x'.repeat(MAX_LINE_BYTES - frame);
      yield Buffer.from(`{"type":"a","data":"${data}"}\n{"type":"a","data":"${data}x"}\n`);
    }
    const before = process.memoryUsage.rss();
    const { source, badLines } = ndjsonFrom(Readable.from(endless()));
    expect(found(await readAll(source))).toEqual([[2, 'a']]);
    expect(badLines).toEqual([
      { line: 1, reason: 'longer than 1048576 bytes' },
      { line: 3, reason: 'longer than 1048576 bytes' },
    ]);
    expect(process.memoryUsage.rss() - before).toBeLessThan(150 * MAX_LINE_BYTES);
  });

  it('are read no faster than they are taken', async () => {
    let read = 0;
    const input = new Readable({
      highWaterMark: 1,
      read() {
        read += 1;
        this.push('{"type":"a"}\n');
      },
    });
    const { source } = ndjsonFrom(input);
    await source.whenReady();
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(source.take(1, Infinity)).toHaveLength(1);
    expect(read).toBeLessThan(5);
    source.close();
  });

  it('are handed out as they come while the input stays open', async () => {
    const input = new PassThrough();
    const { source } = ndjsonFrom(input);
    expect(source.take(10, Infinity)).toEqual([]);
    input.write('{"type":"a"}\n{"ty');
    await source.whenReady();
    expect(found([...source.take(10, Infinity)])).toEqual([[1, 'a']]);
    expect(source.ended).toBe(false);
    input.end('pe":"b"}');
    expect(found(await readAll(source))).toEqual([[2, 'b']]);
  });

  it('end where reading breaks off, with the reason, after those that came before', async () => {
    const input = new PassThrough();
    const { source, readErrors } = ndjsonFrom(input);
    input.write('{"type":"a"}\n');
    await source.whenReady();
    input.destroy(new Error('the disk is gone'));
    expect(found(await readAll(source))).toEqual([[1, 'a']]);
    expect(readErrors).toEqual(['the disk is gone']);
  });

  it('are no error where the source was closed', async () => {
    const { source, readErrors } = ndjsonFrom(new PassThrough());
    const waiting = source.whenReady();
    source.close();
    await waiting;
    expect(source.ended).toBe(true);
    expect(readErrors).toEqual([]);
  });
});
