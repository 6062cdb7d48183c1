import { decodeStatusDetails, encodeStatusDetails, StreamSummary } from '.';

describe('status details', () => {
  it.each([
    ['nothing', {}],
    ['when to retry', { retryDelayMs: 1_250 }],
    [
      'the summary of a stream',
      { summary: StreamSummary.fromPartial({ received: 7, accepted: 3 }) },
    ],
    ['both', { retryDelayMs: 0, summary: StreamSummary.fromPartial({}) }],
  ])('carry %s', (_, details) => {
    expect(decodeStatusDetails(encodeStatusDetails(14, 'm', details))).toEqual(details);
  });

  it('are left out where they cannot be read', () => {
    expect(decodeStatusDetails(Buffer.from('ffff', 'hex'))).toEqual({});
  });
});
