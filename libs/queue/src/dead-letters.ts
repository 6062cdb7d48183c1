/**
 * The dead letters of a queue: events that were given up, each with why. They count towards the
 * limits of the queue and are never removed by themselves: an operator lists them, and puts them back
 * (redrive) or drops them (purge).
 *
 * An id is unique in its partition, is never used again, and rises with the time of death. Its form is
 * the engine's own: one that is malformed is INVALID_ARGUMENT, one that is well-formed and unknown is a
 * letter that is gone.
 *
 * Failures are those of the queue; see {@link Queue}.
 */
export interface DeadLetters {
  /**
   * One page of a partition, oldest first, bounded by letters and bytes (at least one letter, however
   * large). Costs what the page holds, however many letters there are. Reads only.
   */
  list(partition: number, request: DeadLetterPageRequest): Promise<DeadLetterPage>;

  /** Undefined where there is none of that id, or none any more. */
  get(partition: number, id: string): Promise<DeadLetter | undefined>;

  /**
   * The id of the youngest; undefined where there is none. Taken before a run through the pages, and
   * given to each as `upTo`, it keeps letters out that are written while the run goes on: an event that
   * was redriven and dies again gets a higher id.
   */
  newest(partition: number): Promise<string | undefined>;

  /**
   * Puts letters back among the pending events, at the end of the line, in the order given and as if
   * they had never failed. In one atomic step for all of them; workers that wait are woken. Not subject
   * to the limits of the queue, since dead letters count already.
   *
   * One whose body does not begin with "{" is no event, and stays where it is: somebody else wrote it
   * into the queue. It keeps none of the others from moving.
   *
   * Answers for each id. After QUEUE_UNAVAILABLE the same call may be made again: what it moved before
   * is then gone.
   *
   * @param ids at most {@link MAX_DEAD_LETTERS}
   */
  redrive(partition: number, ids: readonly string[]): Promise<readonly LetterOutcome[]>;

  /** Drops letters for good, as `purged`, whatever their bodies are. Else as {@link redrive}. */
  purge(partition: number, ids: readonly string[]): Promise<readonly LetterOutcome[]>;
}

/**
 * What became of a letter in a redrive or a purge: `moved` by this call out of the dead letters; `gone`
 * before it; `refused` since it is no event, so that it is still there.
 */
export type LetterOutcome = 'moved' | 'gone' | 'refused';

export interface DeadLetterPageRequest {
  /** Only letters after this one, which need not exist any more. */
  readonly after?: string;
  /** Only letters up to this one, itself included. */
  readonly upTo?: string;
  /** 1 to {@link MAX_DEAD_LETTERS}. */
  readonly maxLetters: number;
  /** Bytes of bodies and errors. */
  readonly maxBytes: number;
}

export interface DeadLetterPage {
  readonly letters: readonly DeadLetter[];
  /** The `after` of the next page; undefined where this was the last. The next page may be empty. */
  readonly next?: string;
}

export interface DeadLetter {
  readonly id: string;
  readonly body: string;
  /** One of DEAD_REASONS, or one that a later version has written. */
  readonly reason: string;
  /** What went wrong, for people; bounded. */
  readonly error: string;
  /** Which handler failed; empty where none did. */
  readonly handler: string;
  /** How often a handler failed on it, the last time included. */
  readonly attempts: number;
  /** How often it was alone in a lease that expired. */
  readonly crashes: number;
  /** When it failed first, Unix ms by the engine's clock. */
  readonly firstFailureAt: number;
  /** When it became a dead letter, Unix ms by the engine's clock. */
  readonly diedAt: number;
}

/** Most dead letters in one page, and in one call of redrive or purge. */
export const MAX_DEAD_LETTERS = 1_000;
