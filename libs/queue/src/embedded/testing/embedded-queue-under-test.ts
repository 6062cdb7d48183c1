import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock, systemRandom, type Clock } from '@event-pipeline/runtime';
import { createLogSink, type LogSink } from '@event-pipeline/telemetry/testing';
import type { Queue } from '../../queue';
import type { CreateQueueUnderTest } from '../../testing';
import { openEmbeddedQueue, type EmbeddedQueueOptions } from '../embedded-queue';
import { Environment } from '../environment';
import { PartitionRecords } from '../partition-records';

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

export type EmbeddedOptions = Partial<Omit<EmbeddedQueueOptions, 'path'>>;

export interface EmbeddedFolder {
  readonly path: string;
  readonly clock: ShiftedClock;
  readonly log: LogSink;
  /** How often a queue said that its data was lost. */
  readonly dataLost: number;
  /** Opens the queue in the folder. */
  open(options?: EmbeddedOptions): Promise<Queue>;
  /** Closes what was opened and removes the folder. */
  dispose(): Promise<void>;
}

/** A folder of its own for queues, all on one clock. */
export function embeddedFolder(path = testFolder(), clock = new ShiftedClock()): EmbeddedFolder {
  const log = createLogSink();
  const opened: Queue[] = [];
  const limits = { maxEvents: 0, maxBytes: 0 };
  let dataLost = 0;
  const observer = { dataLost: () => void (dataLost += 1) };
  return {
    path,
    clock,
    log,
    get dataLost() {
      return dataLost;
    },
    open: async (options) => {
      const queue = await openEmbeddedQueue(
        { path, name: 'event_queue', limits, ...options },
        { clock, random: systemRandom, logger: log.logger, observer },
      );
      opened.push(queue);
      return queue;
    },
    dispose: async () => {
      for (const queue of opened) await queue.close();
      rmSync(path, { recursive: true, force: true });
    },
  };
}

export const createEmbeddedQueueUnderTest: CreateQueueUnderTest = async (options) => {
  const folder = embeddedFolder();
  const limits = { maxEvents: 0, maxBytes: 0, ...options?.limits };
  const openAnother = () => folder.open({ limits });
  return {
    queue: await openAnother(),
    openAnother,
    passTime: (ms) => {
      folder.clock.aheadMs += ms;
      return Promise.resolve();
    },
    buryForeign: (body) => buryForeign(folder, body),
    dispose: folder.dispose,
  };
};

/** Makes a dead letter of a text in partition 0, past the queue and its checks. */
export async function buryForeign(folder: EmbeddedFolder, body: string): Promise<void> {
  const now = folder.clock.now();
  await withEnvironment(folder, (environment) =>
    environment.transact(() => {
      const records = new PartitionRecords(environment.db, 'event_queue', 0);
      const state = records.state();
      records.putJson(records.keys.dead(state.nextDead++), {
        ...{ body, reason: 'undecodable', error: 'no event', handler: '' },
        ...{ attempts: 1, crashes: 0, firstFailureAt: now, lastFailureAt: now },
      });
      state.enqueued += 1;
      state.dead += 1;
      state.bytes += Buffer.byteLength(body);
      records.putState(state);
    }),
  );
}

/** Every key of the database by its kind: how many of each there are. */
export async function countKeys(folder: EmbeddedFolder): Promise<Record<string, number>> {
  return withEnvironment(folder, ({ db }) => {
    const kinds: Record<string, number> = {};
    for (const { key } of db.getRange()) {
      const kind = String((key as unknown[])[2] ?? (key as unknown[])[1]);
      kinds[kind] = (kinds[kind] ?? 0) + 1;
    }
    return kinds;
  });
}

/** Looks at, or damages, the database below the queue. */
export async function withEnvironment<T>(
  { path, clock, log }: EmbeddedFolder,
  work: (environment: Environment) => T | Promise<T>,
): Promise<T> {
  const environment = Environment.open(
    { path, mapSizeBytes: 2 ** 30 },
    { clock, logger: log.logger },
  );
  try {
    return await work(environment);
  } finally {
    await environment.close();
  }
}
