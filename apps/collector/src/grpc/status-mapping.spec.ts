import { status } from '@grpc/grpc-js';
import { decodeStatusDetails, STATUS_DETAILS_KEY, StreamSummary } from '@event-pipeline/contracts';
import { ERROR_CODES, PipelineError, type ErrorCode } from '@event-pipeline/runtime';
import { toServiceError, type StatusContext } from './status-mapping';

const INSIDE = 'said between ourselves';

function onTheWire(error: unknown, context?: StatusContext) {
  const { code, details, metadata } = toServiceError(error, context);
  const [trailer] = metadata.get(STATUS_DETAILS_KEY);
  return {
    code: status[code],
    details,
    ...(Buffer.isBuffer(trailer) ? decodeStatusDetails(trailer) : {}),
  };
}

/** Code, whether the client may try again, whether it sees the error's own words. */
const expected: Record<ErrorCode, [status: string, retry: boolean, ownWords: boolean]> = {
  INVALID_ARGUMENT: ['INVALID_ARGUMENT', false, true],
  BATCH_ID_REUSED: ['INVALID_ARGUMENT', false, true],
  UNAUTHENTICATED: ['UNAUTHENTICATED', false, true],
  PERMISSION_DENIED: ['PERMISSION_DENIED', false, true],
  AUTH_UNAVAILABLE: ['UNAVAILABLE', true, true],
  TOO_LARGE: ['RESOURCE_EXHAUSTED', false, true],
  QUOTA_EXCEEDED: ['RESOURCE_EXHAUSTED', true, true],
  OVERLOADED: ['RESOURCE_EXHAUSTED', true, true],
  QUEUE_FULL: ['RESOURCE_EXHAUSTED', true, false],
  QUEUE_UNAVAILABLE: ['UNAVAILABLE', true, false],
  QUEUE_NOT_DURABLE: ['UNAVAILABLE', true, false],
  DRAINING: ['UNAVAILABLE', true, false],
  QUEUE_CORRUPT: ['INTERNAL', false, false],
  LEASE_LOST: ['INTERNAL', false, false],
  STORE_UNAVAILABLE: ['INTERNAL', false, false],
  CONFIG_INVALID: ['INTERNAL', false, false],
  INTERNAL: ['INTERNAL', false, false],
};

describe('an error on the wire', () => {
  it.each(ERROR_CODES)('%s has the status, the hint and the words of the table', (code) => {
    const [statusName, retry, ownWords] = expected[code];
    const seen = onTheWire(new PipelineError(code, INSIDE));
    expect(seen.code).toBe(statusName);
    expect((seen.retryDelayMs ?? 0) > 0).toBe(retry);
    expect(seen.details === INSIDE).toBe(ownWords);
  });

  it.each([new Error(INSIDE), INSIDE, undefined, { message: INSIDE }])(
    'says nothing of what it does not know: %p',
    (thrown) => {
      expect(onTheWire(thrown)).toEqual({ code: 'INTERNAL', details: 'internal error' });
    },
  );

  it('carries the summary of the stream it ends', () => {
    const summary = StreamSummary.fromPartial({ received: 5, accepted: 2 });
    expect(onTheWire(new PipelineError('DRAINING', ''), { summary })).toMatchObject({ summary });
  });

  it('says which part of a call failed before it says why', () => {
    const about = 'batch 7 of the stream';
    expect(onTheWire(new PipelineError('INVALID_ARGUMENT', 'x'), { about }).details).toBe(
      'batch 7 of the stream: x',
    );
    expect(onTheWire(new Error(INSIDE), { about }).details).toBe(
      'batch 7 of the stream: internal error',
    );
  });
});
