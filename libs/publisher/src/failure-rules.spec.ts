import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { STATUS_DETAILS_KEY } from '@event-pipeline/contracts';
import { systemRandom } from '@event-pipeline/runtime';
import { readFailure, retryDelayMs, type CallFailure } from './failure-rules';
import { failure, summaryOf } from './testing/scripted-collector';

type Expected = [CallFailure['action'], ambiguousStream: boolean, ambiguousUnary: boolean];

describe('what to do after a failed call', () => {
  const errorOf = (...of: Parameters<typeof failure>): ServiceError =>
    Object.assign(new Error(), failure(...of));

  const table: [string, ServiceError, Expected][] = [
    ['UNAVAILABLE', errorOf(status.UNAVAILABLE, ''), ['again', true, true]],
    ['DEADLINE_EXCEEDED', errorOf(status.DEADLINE_EXCEEDED, ''), ['again', true, true]],
    ['CANCELLED', errorOf(status.CANCELLED, ''), ['again', true, true]],
    [
      'INTERNAL of a cut connection',
      errorOf(status.INTERNAL, 'Received RST_STREAM with code 2'),
      ['again', true, true],
    ],
    ['INTERNAL', errorOf(status.INTERNAL, 'internal error'), ['stop', true, true]],
    [
      'RESOURCE_EXHAUSTED with RetryInfo',
      errorOf(status.RESOURCE_EXHAUSTED, '', { retryDelayMs: 0 }),
      ['again', true, false],
    ],
    ['RESOURCE_EXHAUSTED', errorOf(status.RESOURCE_EXHAUSTED, ''), ['next', true, false]],
    ['INVALID_ARGUMENT', errorOf(status.INVALID_ARGUMENT, ''), ['next', true, false]],
    ['UNAUTHENTICATED', errorOf(status.UNAUTHENTICATED, ''), ['stop', false, false]],
    ['PERMISSION_DENIED', errorOf(status.PERMISSION_DENIED, ''), ['stop', false, false]],
    ['UNIMPLEMENTED', errorOf(status.UNIMPLEMENTED, ''), ['stop', false, false]],
    ['UNKNOWN', errorOf(status.UNKNOWN, ''), ['stop', true, true]],
  ];

  it.each(table)('is decided by the status: %s', (_name, error, [action, stream, unary]) => {
    expect(readFailure(error, 'stream')).toMatchObject({ action, ambiguous: stream });
    expect(readFailure(error, 'unary')).toMatchObject({ action, ambiguous: unary });
  });

  it('knows what became of the events that a summary leaves out', () => {
    const summary = summaryOf({ accepted: 3, rejected: 1 });
    const error = errorOf(status.UNAVAILABLE, 'draining', { retryDelayMs: 1_500, summary });
    expect(readFailure(error, 'stream')).toEqual({
      action: 'again',
      ambiguous: false,
      retryDelayMs: 1_500,
      summary,
      text: 'UNAVAILABLE: draining',
    });
  });

  it('stands by the status alone where the details are missing or unreadable', () => {
    const metadata = new Metadata();
    metadata.set(STATUS_DETAILS_KEY, Buffer.from([0xff, 0xff, 0xff]));
    const broken = Object.assign(new Error(), { code: 14, details: 'x', metadata });
    const bare = Object.assign(new Error(), { code: 14, details: 'x' }) as unknown as ServiceError;
    for (const error of [broken, bare]) {
      const { action, summary } = readFailure(error, 'stream');
      expect({ action, summary }).toEqual({ action: 'again', summary: undefined });
    }
  });

  it('shows what the other side wrote in one printable line', () => {
    const error = errorOf(status.UNKNOWN, '\u001b[2J\nfine');
    expect(readFailure(error, 'unary').text).toBe('UNKNOWN: \\u001b[2J\\nfine');
  });

  it('waits at least as long as asked, and never much longer', () => {
    for (let turn = 0; turn < 100; turn += 1) {
      const delay = retryDelayMs(1, 1_000, systemRandom);
      expect(delay).toBeGreaterThanOrEqual(1_000);
      expect(delay).toBeLessThan(1_200);
    }
  });

  it('doubles the wait with each failure up to five seconds, spread over its upper half', () => {
    const at = (next: number) => ({ next: () => next, uuid: () => '' });
    const waits = (next: number) =>
      [1, 2, 3, 6, 7, 100].map((failures) => retryDelayMs(failures, undefined, at(next)));
    expect(waits(0)).toEqual([50, 100, 200, 1_600, 2_500, 2_500]);
    expect(waits(0.999_999).map(Math.round)).toEqual([100, 200, 400, 3_200, 5_000, 5_000]);
  });
});
