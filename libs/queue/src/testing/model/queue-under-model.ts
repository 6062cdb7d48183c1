import type { Queue } from '../../queue';
import type { Manner } from '../in-memory-waiting';

/** An empty queue for one run of a model test. */
export interface QueueUnderModel {
  /** The queue as two processes see it. */
  readonly users: readonly [Queue, Queue];
  /** Lets leases, retries and remembered ids grow older. */
  passTime(ms: number): Promise<void>;
  /** Makes a dead letter of a text that need be no event, past the queue and its checks. */
  buryForeign(body: string): Promise<void>;
  /** Ends one user in order and opens it again, or makes the server forget what it may forget. */
  restart(user: 0 | 1): Promise<void>;
  /** After a run that has had everything processed: nothing but dead letters may be stored. */
  expectNothingLeft(deadLetters: number): Promise<void>;
  dispose(): Promise<void>;
}

/** An engine for model tests. */
export interface EngineUnderModel {
  /** Which way it goes where the port leaves room. */
  readonly manner: Manner;
  open(): Promise<QueueUnderModel>;
}
