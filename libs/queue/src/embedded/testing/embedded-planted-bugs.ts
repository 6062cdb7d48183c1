import type { Key } from 'lmdb';
import type { PlantedBug } from '../../testing/model/planted-bugs';
import { HandOut } from '../hand-out';
import { PartitionKeys } from '../layout';
import { PartitionRecords } from '../partition-records';

const records = PartitionRecords.prototype;
const keys = PartitionKeys.prototype;

const kindOf = (key: Key): unknown => (key as unknown[])[2];

/** Writes or removes of keys of a kind are left out. */
function leaveOut(what: 'put' | 'remove', kind: string): void {
  const original = records[what] as (...args: unknown[]) => void;
  jest.spyOn(records, what).mockImplementation(function (this: unknown, ...args: unknown[]) {
    if (kindOf(args[0] as Key) !== kind) original.apply(this, args);
  });
}

function miscount(change: (state: ReturnType<typeof records.state>) => void): void {
  const { putState } = records;
  jest.spyOn(records, 'putState').mockImplementation(function (this: PartitionRecords, state) {
    change(state);
    putState.call(this, state);
  });
}

/**
 * Mistakes below the transitions: a record that is not written, not removed, or not looked at. What
 * the transitions write together is one transaction, so none of them is half done.
 */
export const embeddedPlantedBugs: readonly PlantedBug[] = [
  {
    name: 'a lease outlives its end, so that it can be ended and extended again',
    plant: () => leaveOut('remove', 'lease'),
  },
  {
    name: 'a lease gets no deadline, so that nobody takes it back',
    plant: () => leaveOut('put', 'deadline'),
  },
  {
    name: 'the old deadline of an extended lease stays',
    plant: () => leaveOut('remove', 'deadline'),
  },
  {
    name: 'a retry that was handed out stays with those that wait',
    plant: () => leaveOut('remove', 'delayed'),
  },
  { name: 'suspects that come back are not kept', plant: () => leaveOut('put', 'group') },
  { name: 'a dead letter is counted and not kept', plant: () => leaveOut('put', 'dead') },
  {
    name: 'a redrive puts back what is no event',
    plant: () => {
      const { deadLetter } = records;
      jest.spyOn(records, 'deadLetter').mockImplementation(function (this: PartitionRecords, n) {
        const letter = deadLetter.call(this, n);
        return letter && { ...letter, body: letter.body.replace(/^(?!\{)/, '{') };
      });
    },
  },
  {
    name: 'a batch that was queued is queued again',
    plant: () => void jest.spyOn(records, 'batch').mockReturnValue(undefined),
  },
  {
    name: 'chunks of events outlive their last event',
    plant: () => void jest.spyOn(records, 'dropFromChunk').mockReturnValue(undefined),
  },
  {
    name: 'what is left of a group of suspects takes the place of what was handed out of it',
    plant: () => {
      const { group } = keys;
      jest.spyOn(keys, 'group').mockImplementation(function (this: PartitionKeys, number) {
        return group.call(this, number, 0);
      });
    },
  },
  {
    name: 'events that are given back come after those behind them',
    plant: () => {
      const { pending } = keys;
      jest.spyOn(keys, 'pending').mockImplementation(function (this: PartitionKeys, chunk, from) {
        return pending.call(this, chunk, 1_000 - from);
      });
    },
  },
  {
    name: 'a lease gets more bytes than it may',
    plant: () => {
      const { bound } = HandOut.prototype;
      jest.spyOn(HandOut.prototype, 'bound').mockImplementation(function (this: HandOut, events) {
        bound.call(this, events, Infinity);
      });
    },
  },
  {
    name: 'suspects never have their turn while events are pending',
    plant: () => miscount((state) => void (state.turns = 1)),
  },
  {
    name: 'the bytes held are off by one with each dead letter',
    plant: () => miscount((state) => void (state.bytes += state.nextDead > 0 ? 1 : 0)),
  },
];
