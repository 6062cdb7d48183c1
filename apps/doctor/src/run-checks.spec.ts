import { fineFinding } from '@event-pipeline/runtime';
import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { runChecks, type Check } from './run-checks';

const check = (title: string, run: () => Promise<void>): Check => ({
  title,
  run: async () => {
    await run();
    return [{ title, findings: [fineFinding('it', 'works')] }];
  },
});

it('a check that fails or hangs is a problem of its own, and stops no other', async () => {
  const clock = new SimulatedClock(0);
  const done = runChecks(
    [
      check('good', () => Promise.resolve()),
      check('bad', () => Promise.reject(new Error('no disk'))),
      check('stuck', () => new Promise(() => undefined)),
    ],
    1_000,
    clock,
  );
  await clock.advance(1_000);
  expect(
    (await done).map(({ title, findings: [first] }) => [title, first?.level, first?.value]),
  ).toEqual([
    ['good', 'ok', 'works'],
    ['bad', 'problem', 'failed: no disk'],
    ['stuck', 'problem', 'took longer than 1000 ms'],
  ]);
});
