import type { Key } from 'lmdb';
import type { Delivery, Lease, ReceiveRequest } from '../queue';
import { HandOut } from './hand-out';
import {
  numberIn,
  numbersOf,
  parseRuns,
  type LeaseRecord,
  type LeasedRun,
  type PartitionRecords,
  type Run,
} from './partition-records';
import type { PartitionState } from './partition-state';

export interface HandedOut {
  readonly lease?: LeaseRecord;
  readonly isolatedWaiting: boolean;
  readonly nextDueMs?: number;
  /** The wake-up number that this answer saw. */
  readonly wakeups: number;
}

type Taken = Pick<LeaseRecord, 'origin' | 'runs'>;

/**
 * The answer of a receive that would find nothing, from a mere read: workers that have nothing to do
 * must not take turns at the write lock. Undefined where there may be something.
 */
export function findNothing(
  records: PartitionRecords,
  { leaseId, isolated }: ReceiveRequest,
  now: number,
): HandedOut | undefined {
  const state = records.state();
  const ready = isolated === 'only' ? state.isolated > 0 : isReady(records, state, now);
  if (ready || records.lease(leaseId) !== undefined) return undefined;
  return answer(records, state, now);
}

/** Whether there is something for a receive that passes isolated suspects by. */
export function isReady(records: PartitionRecords, state: PartitionState, now: number): boolean {
  const { pending, suspect, isolated, delayed } = state;
  if (pending > 0 || suspect > isolated) return true;
  return delayed > 0 && records.first('delayed', 1, now).length > 0;
}

/** Makes a lease of suspects, or of due retries and pending events; or returns the one of that id. */
export function receiveEvents(
  records: PartitionRecords,
  request: ReceiveRequest,
  now: number,
): HandedOut {
  const state = records.state();
  const existing = records.lease(request.leaseId);
  if (existing !== undefined) return answer(records, state, now, existing);

  const handOut = new HandOut(records, request.maxEvents, request.maxBytes);
  const taken =
    request.isolated === 'only'
      ? takeIsolated(records, state, handOut)
      : (takeGroup(records, state, handOut) ??
        takeFromQueue(records, state, handOut, request, now));
  if (taken === undefined || handOut.events === 0) return answer(records, state, now);

  const lease: LeaseRecord = {
    ...taken,
    handedOutAt: now,
    deadline: now + request.leaseMs,
    size: handOut.events,
    bytes: handOut.bytes,
  };
  records.putJson(records.keys.lease(request.leaseId), lease);
  records.put(records.keys.deadline(lease.deadline, request.leaseId), Buffer.alloc(0));
  state.leased += lease.size;
  state.leases += 1;
  records.putState(state);
  return answer(records, state, now, lease);
}

function takeIsolated(
  records: PartitionRecords,
  state: PartitionState,
  handOut: HandOut,
): Taken | undefined {
  const [entry] = records.first('isolated', 1);
  if (entry === undefined) return undefined;
  const [group = 0] = numbersOf(entry);
  for (const run of parseRuns(entry)) handOut.take(run);
  records.remove(records.keys.isolated(group));
  state.suspect -= 1;
  state.isolated -= 1;
  return { origin: { kind: 'isolated', group }, runs: handOut.runs };
}

/**
 * Takes suspects when it is their turn: one group, or as much of it as fits, never mixed with others.
 * What does not fit stays together under a higher part of the same group.
 */
function takeGroup(
  records: PartitionRecords,
  state: PartitionState,
  handOut: HandOut,
): Taken | undefined {
  if (state.suspect === state.isolated) return undefined;
  if (state.pending > 0 && state.turns++ % 2 === 1) return undefined;
  const [entry] = records.first('group', 1);
  if (entry === undefined) return undefined;
  const [group = 0, part = 0] = numbersOf(entry);
  const rest: Run[] = [];
  for (const run of parseRuns(entry)) {
    const from = run.from + (rest.length === 0 ? handOut.take(run) : 0);
    if (from < run.to) rest.push({ ...run, from });
  }
  records.remove(records.keys.group(group, part));
  if (rest.length > 0) records.putJson(records.keys.group(group, part + handOut.events), rest);
  state.suspect -= handOut.events;
  return { origin: { kind: 'group', group, part }, runs: handOut.runs };
}

/** Takes due retries, at most half of a lease while events are pending, then pending events. */
function takeFromQueue(
  records: PartitionRecords,
  state: PartitionState,
  handOut: HandOut,
  { maxEvents, maxBytes }: ReceiveRequest,
  now: number,
): Taken {
  const share = state.pending > 0 ? 2 : 1;
  handOut.bound(Math.ceil(maxEvents / share), Math.ceil(maxBytes / share));
  if (state.delayed > 0) {
    takeRuns(records, handOut, dueRuns(records, now), ({ due = 0, chunk }, from) =>
      records.keys.delayed(due, chunk, from),
    );
  }
  state.delayed -= handOut.events;
  const due = handOut.events;
  handOut.bound(maxEvents, maxBytes);
  if (state.pending > 0) {
    takeRuns(records, handOut, pendingRuns(records), ({ chunk }, from) =>
      records.keys.pending(chunk, from),
    );
  }
  state.pending -= handOut.events - due;
  return { origin: { kind: 'queue' }, runs: handOut.runs };
}

function* pendingRuns(records: PartitionRecords): Generator<LeasedRun> {
  for (const entry of records.each('pending')) {
    const [chunk = 0, from = 0] = numbersOf(entry);
    yield { chunk, from, to: numberIn(entry) };
  }
}

function* dueRuns(records: PartitionRecords, now: number): Generator<LeasedRun> {
  for (const entry of records.each('delayed', Math.floor(now))) {
    const [due = 0, chunk = 0, from = 0] = numbersOf(entry);
    yield { chunk, from, to: numberIn(entry), due };
  }
}

/** Moves events from runs that lie in order under keys of their own; leaves what does not fit. */
function takeRuns(
  records: PartitionRecords,
  handOut: HandOut,
  waiting: Iterable<LeasedRun>,
  keyOf: (run: LeasedRun, from: number) => Key,
): void {
  const moved: { run: LeasedRun; rest: number }[] = [];
  for (const run of waiting) {
    if (handOut.isFull) break;
    const rest = run.from + handOut.take(run);
    if (rest > run.from) moved.push({ run, rest });
    if (rest < run.to) break;
  }
  for (const { run, rest } of moved) {
    records.remove(keyOf(run, run.from));
    if (rest < run.to) records.putNumber(keyOf(run, rest), run.to);
  }
}

function answer(
  records: PartitionRecords,
  state: PartitionState,
  now: number,
  lease?: LeaseRecord,
): HandedOut {
  // Read now: once the lease is settled its chunks are gone.
  for (const { chunk } of lease?.runs ?? []) records.chunk(chunk);
  const [next] = state.delayed > 0 ? records.first('delayed', 1) : [];
  const due = next && numbersOf(next)[0];
  return {
    ...(lease && { lease }),
    isolatedWaiting: state.isolated > 0,
    ...(due !== undefined && { nextDueMs: Math.max(0, Math.ceil(due - now)) }),
    wakeups: state.wakeups,
  };
}

/** The lease as its receiver gets it. Its chunks were read in the transaction; decoding can wait. */
export function toLease(records: PartitionRecords, id: string, record: LeaseRecord): Lease {
  const { size, runs, handedOutAt = 0 } = record;
  const deliveries: Delivery[] = [];
  for (const { chunk, from, to } of runs) {
    deliveries.push(...records.chunk(chunk).deliveries(from, to));
  }
  return { partition: records.partition, id, size, handedOutAt, deliveries };
}
