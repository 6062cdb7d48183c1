import { PipelineError } from '@event-pipeline/runtime';
import { SeededRandom, SimulatedClock } from '@event-pipeline/runtime/testing';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import type { Queue } from '@event-pipeline/queue';
import { LeaseSettler } from './lease-settler';
import { QueueOutage } from './queue-outage';
import { unavailable } from './testing';

const lease = { partition: 0, id: 'a lease', size: 3 };
const never = new AbortController().signal;
const lost = () => new PipelineError('LEASE_LOST', 'gone');

/** Settles a lease over a queue that gives these answers, then the last one for ever. */
async function settle(answers: readonly (Error | 'yes')[], deadline = 30_000, signal = never) {
  const clock = new SimulatedClock();
  const sink = createLogSink();
  const calls: unknown[][] = [];
  const queue: Pick<Queue, 'settle'> = {
    settle: async (...given) => {
      const answer = answers[Math.min(calls.length, answers.length - 1)];
      calls.push(given);
      if (answer !== 'yes') throw answer;
    },
  };
  const outage = new QueueOutage(clock, sink.logger);
  const settler = new LeaseSettler(queue, clock, new SeededRandom(), outage);
  const exceptions = [{ index: 1, outcome: 'release' }] as const;
  let result: string | undefined;
  const settling = settler.settle(lease, exceptions, deadline, signal).then((settled) => {
    result = settled.result;
  });
  await clock.advance(120_000);
  await settling;
  return { result, calls, messages: sink.messages, exceptions };
}

describe('settling a lease', () => {
  it('is one call', async () => {
    const { result, calls, exceptions } = await settle(['yes']);
    expect(result).toBe('settled');
    expect(calls).toEqual([[lease, exceptions]]);
  });

  it('is not repeated when it is refused: the lease is lost', async () => {
    const { result, calls } = await settle([lost()]);
    expect(result).toBe('lost');
    expect(calls).toHaveLength(1);
  });

  it('is repeated while the queue does not answer', async () => {
    const { result, calls, messages } = await settle([unavailable(), unavailable(), 'yes']);
    expect(result).toBe('settled');
    expect(calls).toHaveLength(3);
    expect(messages).toEqual([
      'the queue does not answer; trying again until it does',
      'the queue answers again',
    ]);
  });

  it('is ambiguous when it is refused after a call without an answer', async () => {
    const { result, calls } = await settle([unavailable(), lost()]);
    expect(result).toBe('ambiguous');
    expect(calls).toHaveLength(2);
  });

  it('is given up once the lease has run out', async () => {
    const { result, calls } = await settle([unavailable()], 5_000);
    expect(result).toBe('unavailable');
    expect(calls.length).toBeGreaterThan(3);
    expect(calls.length).toBeLessThan(10);
  });

  it('is tried once where the lease has run out already: nobody may have taken it yet', async () => {
    expect(await settle(['yes'], -1)).toMatchObject({ result: 'settled' });
  });

  it('is tried once, and not repeated, when the signal has aborted', async () => {
    const { result, calls } = await settle([unavailable()], 30_000, AbortSignal.abort());
    expect(result).toBe('unavailable');
    expect(calls).toHaveLength(1);
  });

  it('is not repeated after an error that repetition does not cure', async () => {
    const { result, calls } = await settle([new TypeError('a bug')]);
    expect(result).toBe('failed');
    expect(calls).toHaveLength(1);
  });
});
