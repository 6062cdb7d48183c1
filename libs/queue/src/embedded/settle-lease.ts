import type { Delivery, SettleException } from '../queue';
import { putDeadLetter } from './dead-letters';
import { chunkEnds, encodeChunk } from './event-chunk';
import { endLease, giveBack } from './give-back';
import type { LeaseRecord, LeasedRun, PartitionRecords } from './partition-records';
import type { PartitionState } from './partition-state';

interface Retry {
  readonly event: Delivery;
  readonly size: number;
  readonly due: number;
}

/** Where in its lease's runs an event lies. */
interface Place {
  readonly run: LeasedRun;
  readonly index: number;
}

/** Ends a lease: what is not named in `exceptions`, which are sorted by index, is done. */
export function settleLease(
  records: PartitionRecords,
  id: string,
  lease: LeaseRecord,
  exceptions: readonly SettleException[],
  now: number,
): void {
  const state = records.state();
  const retries: Retry[] = [];
  const released: LeasedRun[] = [];
  const deferred: LeasedRun[] = [];
  let keptBytes = 0;
  const places = placesOf(lease.runs, exceptions);
  exceptions.forEach((exception, at) => {
    const { run, index } = places[at] as Place;
    const chunk = records.chunk(run.chunk);
    const size = chunk.sizeOf(index);
    keptBytes += size;
    if (exception.outcome === 'release') return addEvent(released, run, index);
    if (exception.outcome === 'defer') {
      return addEvent(deferred, { ...run, due: Math.ceil(now + exception.delayMs) }, index);
    }
    const [event] = chunk.deliveries(index, index + 1) as [Delivery];
    const failed = {
      ...event,
      attempts: event.attempts + 1,
      firstFailureAt: event.firstFailureAt || now,
    };
    if (exception.outcome === 'retry') {
      retries.push({ event: failed, size, due: Math.ceil(now + exception.delayMs) });
    } else {
      const { reason, error, handler } = exception;
      putDeadLetter(records, state, failed, { reason, error, handler, now });
    }
  });

  const gone = new Map<number, number>();
  for (const { chunk, from, to } of lease.runs) gone.set(chunk, (gone.get(chunk) ?? 0) + to - from);
  for (const { chunk, from, to } of [...released, ...deferred])
    gone.set(chunk, (gone.get(chunk) ?? 0) - to + from);
  for (const [chunk, events] of gone) if (events > 0) records.dropFromChunk(chunk, events);

  endLease(records, state, id, lease);
  delay(records, state, retries);
  giveBack(records, state, lease.origin, released);
  if (deferred.length > 0) giveBack(records, state, { kind: 'queue' }, deferred);
  state.processed += lease.size - exceptions.length;
  state.bytes -= lease.bytes - keptBytes;
  records.putState(state);
}

/** Lets failed events wait, in chunks of their own since their counts have changed. */
function delay(records: PartitionRecords, state: PartitionState, retries: readonly Retry[]): void {
  if (retries.length === 0) return;
  let from = 0;
  for (const to of chunkEnds(retries.map(({ size }) => size))) {
    delayChunk(records, state.nextChunk++, retries.slice(from, to));
    from = to;
  }
  state.delayed += retries.length;
  state.retried += retries.length;
  // Waiting workers may have to wake earlier than they thought.
  state.wakeups += 1;
}

/** One key for neighbours that fall due together. */
function delayChunk(records: PartitionRecords, chunk: number, retries: readonly Retry[]): void {
  const events = retries.map(({ event }) => event);
  records.putChunk(chunk, encodeChunk(events), events.length);
  let from = 0;
  retries.forEach(({ due }, index) => {
    if (retries[index + 1]?.due === due) return;
    records.putNumber(records.keys.delayed(due, chunk, from), index + 1);
    from = index + 1;
  });
}

function placesOf(runs: readonly LeasedRun[], exceptions: readonly SettleException[]): Place[] {
  const places: Place[] = [];
  let before = 0;
  let next = 0;
  for (const run of runs) {
    const after = before + run.to - run.from;
    for (let found; (found = exceptions[next]) !== undefined && found.index < after; next++) {
      places.push({ run, index: run.from + found.index - before });
    }
    before = after;
  }
  return places;
}

/** Adds one event to runs, to the last of them where it follows it. */
function addEvent(runs: LeasedRun[], { chunk, due }: LeasedRun, index: number): void {
  const last = runs.at(-1);
  if (last?.chunk === chunk && last.to === index && last.due === due) {
    runs[runs.length - 1] = { ...last, to: index + 1 };
  } else {
    runs.push({ chunk, from: index, to: index + 1, ...(due !== undefined && { due }) });
  }
}
