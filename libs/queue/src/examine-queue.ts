import {
  fineFinding,
  warningFinding,
  type Clock,
  type Finding,
  type Random,
} from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';
import { queueLocation, type QueueConfig } from './create-queue';
import type { QueueHealth, QueueStats } from './queue';

/** What a look at a queue from outside found. Nothing of it is changed by the look. */
export interface QueueExamination {
  /** Where the queue is, for people; without credentials. */
  readonly place: string;
  /** What its server, or its folder, is like. */
  readonly server: readonly Finding[];
  /** Undefined where it could not be asked. */
  readonly health: QueueHealth | undefined;
  /** What is in it. */
  readonly contents: readonly Finding[];
}

export interface ExaminationParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** When an event was received, Unix ms; undefined for a text that does not say. */
  readonly receivedAtOf: (body: string) => number | undefined;
}

/**
 * Looks at the queue that the configuration names, for the doctor. Never rejects for what it finds:
 * that is a finding. Every wait in it is bounded by REDIS_COMMAND_TIMEOUT_MS.
 */
export async function examineQueue(
  config: QueueConfig,
  parts: ExaminationParts,
): Promise<QueueExamination> {
  const location = queueLocation(config);
  if (location.engine === 'embedded') {
    const { examineFolder } = await import('./embedded/examine-folder');
    return examineFolder(location.path, config, parts);
  }
  const { examineRedis } = await import('./redis/examine-redis');
  return examineRedis(location, config, parts);
}

/** Above this share of a limit there is little time left to do something. */
const NEARLY_FULL = 0.8;

/** The depths of a queue, and how near they are to its limits. */
export function contentsOf(
  partitions: readonly QueueStats[],
  { queueMaxEvents, queueMaxBytes }: QueueConfig,
  { clock, receivedAtOf }: Pick<ExaminationParts, 'clock' | 'receivedAtOf'>,
): readonly Finding[] {
  const sum = (of: (stats: QueueStats) => number) =>
    partitions.reduce((total, stats) => total + of(stats), 0);
  const held = sum((one) => one.pending + one.suspect + one.leased + one.delayed + one.dead);
  const dead = sum((one) => one.dead);
  const received = partitions.flatMap(({ oldestPending }) =>
    oldestPending === undefined ? [] : (receivedAtOf(oldestPending) ?? []),
  );
  const depths = ['pending', 'suspect', 'leased', 'delayed'] as const;
  const oldestMs = received.length === 0 ? 0 : Math.max(0, clock.now() - Math.min(...received));
  return [
    fineFinding('partitions', partitions.length),
    fineFinding('events', depths.map((name) => `${sum((one) => one[name])} ${name}`).join(', ')),
    fineFinding('oldest pending event', `${Math.round(oldestMs / 1_000)} s`),
    limited('events of the limit', held, queueMaxEvents, 'QUEUE_MAX_EVENTS'),
    limited(
      'bytes of the limit',
      sum((one) => one.bytes),
      queueMaxBytes,
      'QUEUE_MAX_BYTES',
    ),
    dead === 0
      ? fineFinding('dead letters', 0)
      : warningFinding('dead letters', dead, 'they wait for somebody to look at them'),
  ];
}

function limited(setting: string, held: number, limit: number, variable: string): Finding {
  if (limit === 0) {
    const means = 'there is no limit: a queue that nobody empties fills the memory or the disk';
    return warningFinding(setting, `${held}`, means, `${variable}=<number>`);
  }
  const value = `${held} of ${limit}`;
  if (held < NEARLY_FULL * limit) return fineFinding(setting, value);
  const means = 'at the limit events are refused';
  return warningFinding(setting, value, means, 'start more workers', `${variable}=<more>`);
}
