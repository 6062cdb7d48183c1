/**
 * A part of a program that lives for a time: a server, a consumer, a background duty.
 *
 * A program starts its components in order and stops them in reverse, so a component may rely on
 * those before it from its start to its stop.
 */
export interface Component {
  /** For people: appears in logs, e.g. "grpc-server". */
  readonly name: string;

  /**
   * Resolves once the component does its work. Every wait in it has a limit of its own. Called at
   * most once; a rejection ends the program.
   */
  start(): Promise<void>;

  /**
   * Finishes what the component has begun, frees what it holds, and takes on nothing new. When the
   * signal aborts, the grace is over: give up at once what is not finished.
   *
   * Safe to call before start, after a start that failed, and twice.
   */
  stop(signal: AbortSignal): Promise<void>;
}
