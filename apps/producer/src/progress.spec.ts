import { PassThrough } from 'node:stream';
import { systemClock } from '@event-pipeline/runtime';
import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { createProgress } from './progress';
import { Tally } from './tally';
import { until } from './testing/run';

function screen(isTTY: boolean) {
  let text = '';
  const output = Object.assign(new PassThrough(), { isTTY, columns: 100 });
  output.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { output, text: () => text };
}

describe('progress', () => {
  it('is a line every few seconds where nobody sees a bar, and nothing for a short run', async () => {
    const clock = new SimulatedClock();
    const tally = new Tally();
    const { output, text } = screen(false);
    const progress = createProgress(output, tally, clock);
    progress.start(100_000);
    await clock.advance(4_999);
    expect(text()).toBe('');
    Object.assign(tally, { sent: 12_000, acknowledged: 10_000 });
    await clock.advance(1);
    expect(text()).toBe('12,000 of 100,000 sent, 10,000 acknowledged\n');
    await progress.stop();
    await progress.stop();
    expect(clock.sleeping).toBe(0);
  });

  it('does not pretend to know the end of an input', async () => {
    const clock = new SimulatedClock();
    const { output, text } = screen(false);
    const progress = createProgress(output, new Tally(), clock);
    progress.start(undefined);
    await clock.advance(5_000);
    expect(text()).toBe('0 sent, 0 acknowledged\n');
    await progress.stop();
  });

  it('is a bar on a terminal that ends full, with notices on lines of their own', async () => {
    const tally = new Tally();
    const { output, text } = screen(true);
    const progress = createProgress(output, tally, systemClock);
    progress.notice('before');
    progress.start(200);
    tally.acknowledged = 100;
    await until(() => text().includes('50%'));
    progress.notice('meanwhile');
    tally.acknowledged = 200;
    await progress.stop();
    expect(text()).toContain('before\n');
    expect(text()).toContain('\r\u001b[Kmeanwhile\n');
    expect(text()).toContain('100% | 200 acknowledged');
    expect(text().endsWith('\n')).toBe(true);
  });

  it('shows counts without a bar on a terminal where the end is not known', async () => {
    const tally = new Tally();
    const { output, text } = screen(true);
    const progress = createProgress(output, tally, systemClock);
    progress.start(undefined);
    tally.acknowledged = 1_234;
    await progress.stop();
    expect(text()).toContain('1,234 acknowledged');
    expect(text()).not.toContain('%');
    expect(text()).not.toContain('NaN');
  });

  it('writes notices where it was never started', async () => {
    const { output, text } = screen(false);
    const progress = createProgress(output, new Tally(), systemClock);
    progress.notice('hello');
    await progress.stop();
    expect(text()).toBe('hello\n');
  });
});
