import { messageOf, type Clock } from '@event-pipeline/runtime/basics';
import { Batch } from './batch';
import type { Owner } from './claim';
import { PublishError } from './publish-error';
import type { PublisherObserver } from './publisher-observer';
import type { SendWindow } from './send-window';
import type { Spill, SpilledBatch } from './spill-port';

export interface SpillRecoveryDeps {
  readonly window: SendWindow;
  readonly clock: Clock;
  readonly observer: Required<PublisherObserver>;
  /** Takes a batch whose room was taken. */
  send(batch: Batch): void;
}

/** How long to wait where even the line for room is full, ms. */
const LINE_WAIT_MS = 1_000;

/**
 * Reads the batches that earlier runs have left, as there is room for them, and sends them. Resolves when all
 * are on their way, or the signal has aborted: then the others stay where they are.
 */
export async function sendRecovered(
  spill: Spill,
  deps: SpillRecoveryDeps,
  signal: AbortSignal,
): Promise<void> {
  const owner: Owner = {
    accepted: () => undefined,
    failed: (_first, count, error) => deps.observer.onRecoveredFailed(count, error),
  };
  try {
    for await (const spilled of spill.recovered()) {
      if (!(await takeRoom(spilled, deps, signal))) return;
      deps.send(recoveredBatch(spilled, owner));
    }
  } catch (error) {
    const message = `batches of an earlier run cannot be read: ${messageOf(error)}`;
    const known = new PublishError('SPILL_FAILED', message, { cause: error });
    deps.observer.onRecoveredFailed(0, known);
  }
}

function recoveredBatch({ id, bytes, events }: SpilledBatch, owner: Owner): Batch {
  const claim = { owner, first: 0, count: events, deadline: Infinity, told: false };
  const batch = new Batch(id, 0, bytes, events, bytes.length, [claim]);
  batch.recovered = true;
  batch.spilled = true;
  batch.ambiguous = true;
  return batch;
}

/** Waits in the same line as everybody else; false where the signal aborts first. */
async function takeRoom(
  { events, bytes }: SpilledBatch,
  { window, clock }: SpillRecoveryDeps,
  signal: AbortSignal,
): Promise<boolean> {
  const size = bytes.length;
  while (!signal.aborted) {
    if (window.isOpen) {
      window.take(events, size);
      return true;
    }
    const entered = await new Promise<boolean>((resolve) => {
      const enter = () => {
        if (!signal.aborted) window.take(events, size);
        resolve(!signal.aborted);
      };
      const refuse = () => resolve(false);
      if (window.wait({ bytes: size, deadline: Infinity, enter, refuse })) return;
      void clock.sleep(LINE_WAIT_MS, signal).then(refuse);
    });
    if (entered) return true;
  }
  return false;
}
