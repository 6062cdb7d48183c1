import type { RunOutcome } from './produce';
import { parseOptions } from './producer-options';
import { createReport, formatReport, type ReportInput } from './report';
import { Tally } from './tally';

describe('the report', () => {
  const inputOf = (tally: Tally, changes: Partial<ReportInput> = {}): ReportInput => {
    const options = parseOptions(['--mode', 'stream'], 'localhost:50051');
    if (options === 'help') throw new Error('no help was asked for');
    const outcome: RunOutcome = { early: undefined, seconds: 2 };
    const rest = { badLines: 0, readError: undefined, total: 10_000 };
    return { options, outcome, tally, ...rest, ...changes };
  };
  const tallyOf = (accepted: number, rejected = 0, rejections = 0) => {
    const tally = new Tally();
    tally.sent = accepted + rejected;
    tally.latency.record(1.5);
    tally.answer({ accepted, rejected });
    for (let n = 1; n <= rejections; n += 1) {
      const rejection = { eventId: `id-${n - 1}`, code: 'INVALID_TIMESTAMP', message: 'too late' };
      tally.reject(n, rejection);
    }
    return tally;
  };

  it('says what the first published producer said, and the figures', () => {
    const text = formatReport(createReport(inputOf(tallyOf(10_000))), 'event');
    expect(text).toBe(
      [
        'Finished streaming events. Server response: { success: true }',
        '  sent                        10,000',
        '  acknowledged                10,000',
        '  rejected                         0',
        '  seconds                       2.00',
        '  events/s                     5,000',
        '  acknowledgement latency (from the last event of a stream sent to its answer), 1 stream: ' +
          'p50 1.50 ms, p99 1.50 ms',
        '',
      ].join('\n'),
    );
  });

  it('names the first ten rejections to people and the first hundred to programs', () => {
    const report = createReport(inputOf(tallyOf(9_800, 200, 150)));
    expect(report.rejections).toHaveLength(100);
    expect(report.serverResponse).toEqual({ success: false });
    const text = formatReport(report, 'line');
    expect(text).toContain('{ success: false }');
    expect(text).toContain('rejected, the first 10:');
    expect(text).toContain('    line 1, id "id-0": INVALID_TIMESTAMP: too late\n');
    expect(text.match(/id "id-/g)).toHaveLength(10);
  });

  it('is fine exactly when every event was acknowledged', () => {
    const early = { early: { why: 'stalled', reason: '' }, seconds: 1 } as const;
    const okOf = (tally: Tally, changes: Partial<ReportInput> = {}) =>
      createReport(inputOf(tally, changes)).ok;
    expect(okOf(tallyOf(10_000))).toBe(true);
    expect(okOf(tallyOf(9_999))).toBe(false);
    expect(okOf(tallyOf(9_999, 1))).toBe(false);
    expect(okOf(tallyOf(10_000), { outcome: early })).toBe(false);
    expect(okOf(tallyOf(7), { total: undefined })).toBe(true);
    expect(okOf(tallyOf(7, 1), { total: undefined })).toBe(false);
    expect(okOf(tallyOf(7), { total: undefined, badLines: 1 })).toBe(false);
    expect(okOf(tallyOf(7), { total: undefined, readError: 'gone' })).toBe(false);
  });

  it('shows what was given up, and no answer where there was none', () => {
    const tally = new Tally();
    Object.assign(tally, { sent: 10, failed: 3, unknown: 7, resent: 2 });
    const report = createReport(inputOf(tally, { badLines: 4 }));
    expect(report.serverResponse).toBeNull();
    const text = formatReport(report, 'event');
    expect(text).not.toContain('Finished');
    expect(text).toMatch(/failed, not stored +3\n/);
    expect(text).toMatch(/without an answer +7\n/);
    expect(text).toMatch(/sent again +2\n/);
    expect(text).toMatch(/not sent +9,990\n/);
    expect(text).toMatch(/bad lines +4\n/);
    expect(text).toContain('nothing was answered');
  });

  it('cannot be forged by what the other side wrote', () => {
    const tally = new Tally();
    tally.answer({ accepted: 0, rejected: 1 });
    tally.reject(undefined, { eventId: '\u001b[2J', code: 'code 77', message: 'a\nb' });
    expect(formatReport(createReport(inputOf(tally)), 'event')).toContain(
      '    event, id "\\u001b[2J": code 77: a\\nb\n',
    );
  });
});
