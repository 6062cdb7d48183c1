import { NodeProgram, inWorkspace, type Scratch } from '@event-pipeline/runtime/testing';
import { pin } from '../placement';
import { RefusedRun } from '../scenario';

/** What publish-client.ts is told to send. */
export interface PublishLoad {
  readonly address: string;
  readonly method: 'PublishEventStream' | 'PublishEvents';
  readonly eventsPerBatch: number;
  /** Most batches without an answer, all connections together. */
  readonly window: number;
  readonly connections: number;
  readonly warmUpBatches: number;
  readonly batches: number;
  /** Ends earlier, after this long. */
  readonly seconds?: number;
  /** Absent: as many as the window allows. */
  readonly batchesPerSecond?: number;
}

export interface PublishResult {
  /** Answered after the warm-up. */
  readonly batches: number;
  readonly batchesInAll: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** How late a batch was sent at worst, where there is a rate. */
  readonly longestLagMs: number;
}

/** @throws RefusedRun where any batch had another answer than the right one, or a call another status than OK */
export async function runPublishLoad(load: PublishLoad, scratch: Scratch): Promise<PublishResult> {
  return startPublishLoad(load, scratch).result;
}

export function startPublishLoad(
  load: PublishLoad,
  scratch: Scratch,
): { readonly program: NodeProgram; readonly result: Promise<PublishResult> } {
  const script = inWorkspace('dist/bench/src/load/publish-client.js');
  const args = [JSON.stringify(load)];
  const program = new NodeProgram({ name: 'publish client', script, args, logs: false }, scratch);
  pin(program.pid, 'load');
  const result = program.exited.then(({ code }) => {
    if (code === 0) return JSON.parse(program.stdout) as PublishResult;
    throw new RefusedRun(`the publish client failed: ${program.output.slice(-5).join('\n')}`);
  });
  return { program, result };
}
