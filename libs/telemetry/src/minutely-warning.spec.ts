import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { MinutelyWarning } from './minutely-warning';
import { createLogSink } from './testing';

it('a warning that comes in crowds is one line a minute, which says how much was kept back', async () => {
  const clock = new SimulatedClock();
  const log = createLogSink();
  const warning = new MinutelyWarning(clock, log.logger);
  warning.warn({ a: 1 }, 'again');
  warning.warn({ a: 2 }, 'again');
  warning.warn({ a: 3 }, 'again', 5);
  await clock.advance(59_999);
  warning.warn({ a: 4 }, 'again');
  expect(log.lines).toHaveLength(1);
  expect(log.lines[0]).toMatchObject({ a: 1, keptBack: 0 });
  await clock.advance(1);
  warning.warn({ a: 5 }, 'again');
  expect(log.lines).toHaveLength(2);
  expect(log.lines[1]).toMatchObject({ a: 5, keptBack: 7 });
});
