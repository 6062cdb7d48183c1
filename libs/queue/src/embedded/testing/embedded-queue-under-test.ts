import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock, systemRandom, type Clock } from '@event-pipeline/runtime';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import type { Queue } from '../../queue';
import type { CreateQueueUnderTest } from '../../testing';
import { openEmbeddedQueue } from '../embedded-queue';

/** The machine's clock, some way ahead: real waits, and a time of day that a test can move. */
export class ShiftedClock implements Clock {
  aheadMs = 0;
  readonly monotonic = systemClock.monotonic;
  readonly sleep = systemClock.sleep;
  now(): number {
    return systemClock.now() + this.aheadMs;
  }
}

/** A folder for one test. Not the system's, which may be in memory, where nothing reaches a disk. */
export function testFolder(): string {
  const parent = join(__dirname, '..', '..', '..', 'tmp');
  mkdirSync(parent, { recursive: true });
  return mkdtempSync(join(parent, 'queue-'));
}

export const createEmbeddedQueueUnderTest: CreateQueueUnderTest = async (options) => {
  const path = testFolder();
  const clock = new ShiftedClock();
  const limits = { maxEvents: 0, maxBytes: 0, ...options?.limits };
  const opened: Queue[] = [];
  const openAnother = async () => {
    const queue = await openEmbeddedQueue(
      { path, name: 'event_queue', limits },
      { clock, random: systemRandom, logger: createLogSink().logger },
    );
    opened.push(queue);
    return queue;
  };
  return {
    queue: await openAnother(),
    openAnother,
    passTime: (ms) => {
      clock.aheadMs += ms;
      return Promise.resolve();
    },
    dispose: async () => {
      for (const queue of opened) await queue.close();
      rmSync(path, { recursive: true, force: true });
    },
  };
};
