import { existsSync, readdirSync, readFileSync, readlinkSync, statfsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  fineFinding,
  messageOf,
  obstacleToFolder,
  problemFinding,
  warningFinding,
  type Finding,
} from '@event-pipeline/runtime';
import type { QueueConfig } from '../create-queue';
import { contentsOf, type ExaminationParts, type QueueExamination } from '../examine-queue';
import { NoSuchQueueError } from '../no-such-queue';
import type { QueueStats } from '../queue';
import { DATA_FILE } from './folder-check';

/** Less room than this on the disk is soon used up. */
const LITTLE_ROOM_BYTES = 1_073_741_824;
const mib = (bytes: number) => `${Math.round(bytes / 1_048_576)} MiB`;

/** See {@link examineQueue}. A folder that is not there is not made. */
export async function examineFolder(
  path: string,
  config: QueueConfig,
  parts: ExaminationParts,
): Promise<QueueExamination> {
  const place = resolve(path);
  const nothing = { place, health: undefined, contents: [] };
  const obstacle = obstacleToFolder(place);
  if (obstacle !== undefined) {
    const means = 'neither collector nor worker starts';
    const change = 'name a folder that this user may write to, as in QUEUE_URL=embedded:./data';
    return { ...nothing, server: [problemFinding('folder', obstacle, means, change)] };
  }
  if (!existsSync(place)) {
    const means = 'it is made when collector or worker start';
    return { ...nothing, server: [warningFinding('folder', 'not there', means)] };
  }
  const folder = [
    fineFinding('folder', 'there, and can be written'),
    roomFinding(place),
    ...openedBy(place),
  ];
  if (!existsSync(join(place, DATA_FILE))) {
    const means = 'nobody has used it yet';
    return { ...nothing, server: [...folder, warningFinding('queue', 'empty', means)] };
  }
  try {
    const { openEmbeddedQueue } = await import('./embedded-queue');
    const limits = { maxEvents: config.queueMaxEvents, maxBytes: config.queueMaxBytes };
    const queue = await openEmbeddedQueue(
      { path: place, name: config.queueName, limits, mustExist: true },
      parts,
    );
    try {
      const health = await queue.health();
      const stats: QueueStats[] = [];
      for (let partition = 0; partition < queue.partitionCount(); partition++) {
        stats.push(await queue.stats(partition));
      }
      return { place, server: folder, health, contents: contentsOf(stats, config, parts) };
    } finally {
      await queue.close();
    }
  } catch (error) {
    if (error instanceof NoSuchQueueError) {
      const means = `it is made when collector or worker start (${messageOf(error)})`;
      return { ...nothing, server: [...folder, warningFinding('queue', 'not there', means)] };
    }
    const problem = problemFinding('queue', 'cannot be opened', messageOf(error));
    return { ...nothing, server: [...folder, problem] };
  }
}

function roomFinding(place: string): Finding {
  const { bavail, bsize } = statfsSync(place);
  const free = bavail * bsize;
  if (free >= LITTLE_ROOM_BYTES) return fineFinding('room on its disk', mib(free));
  const means = 'on a full disk events are refused';
  return warningFinding('room on its disk', mib(free), means, 'make room');
}

/** The processes that have the queue open, as far as this system tells (Linux, own processes). */
function openedBy(place: string): readonly Finding[] {
  if (!existsSync('/proc/self/fd')) return [];
  const file = join(place, DATA_FILE);
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => hasOpen(pid, file))
    .map((pid) => `${nameOf(pid)} (${pid})`);
  return [fineFinding('opened by', processes.join(', ') || 'nobody')];
}

function hasOpen(pid: string, file: string): boolean {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).some((fd) => {
      try {
        return readlinkSync(join(folder, fd)) === file;
      } catch {
        // Closed in between.
        return false;
      }
    });
  } catch {
    // Of somebody else, or gone.
    return false;
  }
}

/** The first words of its command line; arguments may hold secrets. */
function nameOf(pid: string): string {
  try {
    const [program = '', script = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return script.endsWith('.js') ? script : program;
  } catch {
    return 'a process';
  }
}
