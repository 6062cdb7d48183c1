import { grouped } from '@event-pipeline/command-line';
import { receivedAtOf } from '@event-pipeline/contracts';
import type { Durability, Queue, QueueStats } from '@event-pipeline/queue';
import { formatAge } from './age';
import { columns } from './text-columns';

type Counts = Omit<QueueStats, 'oldestPending'>;

interface Depth extends Counts {
  /**
   * How long the event that is next in line has waited, seconds; null where nothing is pending, or what
   * is pending does not say.
   */
  readonly oldestPendingAgeSeconds: number | null;
}

/** What `depth --json` prints. Member names are stable. */
export interface DepthReport {
  readonly queue: string;
  readonly durability: Durability;
  readonly partitions: readonly (Depth & { readonly partition: number })[];
  /** Of the partitions above; the oldest age is the highest. */
  readonly total: Depth;
}

/**
 * Reads the counters of every partition, or of one. What the durability is worth is unknown where the
 * engine cannot say, as on a full disk: the counters are there all the same.
 */
export async function readDepth(
  queue: Queue,
  name: string,
  only: number | undefined,
  now: number,
): Promise<DepthReport> {
  const durability = await queue.health().then(
    (health) => health.durability,
    () => 'unknown' as const,
  );
  const count = only === undefined ? queue.partitionCount() : 1;
  const partitions: (Depth & { partition: number })[] = [];
  for (let index = 0; index < count; index++) {
    const partition = only ?? index;
    const { oldestPending, ...counts } = await queue.stats(partition);
    const receivedAt = oldestPending === undefined ? undefined : receivedAtOf(oldestPending);
    const age = receivedAt === undefined ? null : Math.max(0, now - receivedAt) / 1_000;
    partitions.push({ partition, ...counts, oldestPendingAgeSeconds: age });
  }
  return { queue: name, durability, partitions, total: totalOf(partitions) };
}

function totalOf(partitions: readonly Depth[]): Depth {
  const sum = (name: keyof Counts) =>
    partitions.reduce((total, counts) => total + Number(counts[name]), 0);
  const ages = partitions
    .map((depth) => depth.oldestPendingAgeSeconds)
    .filter((age) => age !== null);
  return {
    enqueued: sum('enqueued'),
    pending: sum('pending'),
    suspect: sum('suspect'),
    leased: sum('leased'),
    delayed: sum('delayed'),
    processed: sum('processed'),
    dead: sum('dead'),
    purged: sum('purged'),
    retried: sum('retried'),
    expiredLeases: sum('expiredLeases'),
    duplicateBatches: sum('duplicateBatches'),
    leases: sum('leases'),
    bytes: sum('bytes'),
    oldestPendingAgeSeconds: ages.length === 0 ? null : Math.max(...ages),
  };
}

/** Rows as people read them: the terms of the identity, then what else is counted. */
const ROWS: readonly (readonly [title: string, cell: (depth: Depth) => string])[] = [
  ['enqueued', ({ enqueued }) => grouped(enqueued)],
  ['= pending', ({ pending }) => grouped(pending)],
  ['+ suspect', ({ suspect }) => grouped(suspect)],
  ['+ leased', ({ leased }) => grouped(leased)],
  ['+ delayed', ({ delayed }) => grouped(delayed)],
  ['+ processed', ({ processed }) => grouped(processed)],
  ['+ dead', ({ dead }) => grouped(dead)],
  ['+ purged', ({ purged }) => grouped(purged)],
  ['bytes held', ({ bytes }) => grouped(bytes)],
  [
    'oldest pending',
    ({ oldestPendingAgeSeconds: age }) => (age === null ? '-' : formatAge(age * 1_000)),
  ],
  ['leases', ({ leases }) => grouped(leases)],
  ['retries', ({ retried }) => grouped(retried)],
  ['expired leases', ({ expiredLeases }) => grouped(expiredLeases)],
];

const TITLE_WIDTH = 14;
const GAP = 2;

/**
 * A table for people: one column for all, and where there are several one for each partition, as many
 * side by side as there is room for.
 *
 * @param width how many characters a line may have
 */
export function formatDepth(
  { queue, durability, partitions, total }: DepthReport,
  width: number,
): string {
  const count = partitions.length === 1 ? '1 partition' : `${partitions.length} partitions`;
  const intro = `queue ${queue}: ${count}, durability ${durability}\n`;
  const all = columnOf('total', total);
  if (partitions.length === 1) return intro + block([all]);
  const blocks: Column[][] = [[all]];
  let left = width - TITLE_WIDTH - GAP - all.width;
  for (const depth of partitions) {
    const column = columnOf(`p${depth.partition}`, depth);
    const hasRoom = GAP + column.width <= left;
    if (!hasRoom) {
      blocks.push([]);
      left = width - TITLE_WIDTH;
    }
    blocks.at(-1)?.push(column);
    left -= GAP + column.width;
  }
  return intro + blocks.map((columns) => `\n${block(columns)}`).join('');
}

interface Column {
  /** The head, then a cell for each of {@link ROWS}. */
  readonly cells: readonly string[];
  readonly width: number;
}

function columnOf(head: string, depth: Depth): Column {
  const cells = [head, ...ROWS.map(([, cell]) => cell(depth))];
  return { cells, width: Math.max(...cells.map((text) => text.length)) };
}

function block(of: readonly Column[]): string {
  const titles = ['', ...ROWS.map(([title]) => title)];
  return titles
    .map((title, row) => {
      const cells = of.map(({ cells, width }) => (cells[row] ?? '').padStart(width));
      return `${columns([TITLE_WIDTH], [title, ...cells])}\n`;
    })
    .join('');
}
