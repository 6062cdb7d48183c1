import fc from 'fast-check';
import { Event, RejectionCode } from '@event-pipeline/contracts';
import { decodeEvent } from './event-decoder';

describe('decoding one event', () => {
  it('never throws, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const { event, refusal } = decodeEvent(bytes);
        expect(event !== undefined || refusal !== undefined).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it('gives what the generated decoder gives, for every event that can be encoded', () => {
    const text = fc.string({ unit: 'grapheme' });
    const timestamp = fc.integer({ min: -(2 ** 53) + 1, max: 2 ** 53 - 1 });
    fc.assert(
      fc.property(
        text,
        text,
        timestamp,
        fc.uint8Array(),
        text,
        (eventId, type, ts, data, source) => {
          const event = Event.fromPartial({
            eventId,
            type,
            timestamp: ts,
            data: Buffer.from(data),
            source,
            attributes: new Map([[type, source]]),
          });
          expect(decodeEvent(Event.encode(event).finish())).toEqual({ event, refusal: undefined });
        },
      ),
    );
  });

  it('names the event whose text is not UTF-8 by its id, and changes nothing silently', () => {
    const bytes = Buffer.concat([
      Event.encode(Event.fromPartial({ eventId: 'the-id' })).finish(),
      Buffer.from('1203ff6162', 'hex'),
    ]);
    const { event, refusal } = decodeEvent(bytes);
    expect(event?.eventId).toBe('the-id');
    expect(refusal?.code).toBe(RejectionCode.REJECTION_CODE_INVALID_TEXT);
  });

  it.each([
    ['2^53', '18808080808080801' + '0', 9007199254740992n],
    ['2^63 - 1', '18ffffffffffffffff7f', 9223372036854775807n],
    ['-2^63', '1880808080808080808001', -9223372036854775808n],
  ])('refuses the timestamp %s, which is no exact number here', (_, hex, value) => {
    const { refusal } = decodeEvent(Buffer.from(hex, 'hex'));
    expect(refusal?.code).toBe(RejectionCode.REJECTION_CODE_INVALID_TIMESTAMP);
    expect(refusal?.message).toContain(String(value));
  });

  it('passes fields over that it does not know', () => {
    const bytes = Buffer.concat([
      Buffer.from('fa0703616263', 'hex'),
      Event.encode(Event.fromPartial({ type: 'a' })).finish(),
    ]);
    expect(decodeEvent(bytes).event?.type).toBe('a');
  });
});
