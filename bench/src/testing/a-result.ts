import type { ScenarioResult } from '../result';

/** A result for tests. */
export function aResult(changes: Partial<ScenarioResult> = {}): ScenarioResult {
  const machine = { processor: 'A & B', cores: 2, memoryGiB: 8, system: 'linux', node: '20.19.0' };
  return {
    format: 1,
    name: 'stream-events',
    title: 'StreamEvents, one event a message',
    takenAt: '2026-01-01T00:00:00.000Z',
    commit: '0123456789ab',
    scale: 1,
    rounds: 3,
    machine: { ...machine, fsyncMs: 0.5, programs: { h2load: '1.52' } },
    conditions: ['1,000 events a stream.'],
    figures: [
      {
        ...{ id: 'ours.rate', title: 'this <collector>', unit: 'events/s' },
        ...{ median: 120_000, lowest: 100_000, highest: 130_000 },
        rounds: [100_000, 120_000, 130_000],
      },
    ],
    comparisons: [],
    series: [],
    skipped: [],
    ...changes,
  };
}
