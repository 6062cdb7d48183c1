import type { RedisScript } from './redis-scripts';

export type RedisArgument = string | number | Buffer;

/** Of the texts in a reply; null: they are Buffers. */
export type ReplyEncoding = 'utf8' | null;

export interface RedisLinkOptions {
  /** What the link is for, in CLIENT LIST. */
  readonly name: string;
  /** After this long without an answer the connection is dropped and the call rejected. */
  readonly commandTimeoutMs: number;
  /** Called at each (re)connect to a server. */
  readonly onReady?: () => void;
}

/**
 * The way to the server, or the servers, that hold the keys of a queue. It keeps itself alive.
 *
 * Every call names a key, which decides where it goes. A call is answered, or rejected with
 * QUEUE_UNAVAILABLE within its time limit; nothing waits in a queue that grows. Of an outage two
 * lines are logged, its beginning and its end.
 *
 * A call that was rejected may have been carried out, or may be carried out a moment later.
 */
export interface RedisLink {
  readonly isReady: boolean;

  /** Where it leads, for people; never the password. */
  readonly place: string;

  /** Resolves when the link is ready, has failed for the first time, or `limitMs` is over. */
  settled(limitMs: number): Promise<void>;

  /**
   * Sends one command to the server that holds the key, which need not be among the arguments:
   * CONFIG or SCAN look at the whole server.
   *
   * @param limitMs for commands that block by design; else the link's own limit
   * @throws PipelineError, see {@link toQueueError}
   */
  call(
    key: string,
    command: string,
    args: readonly RedisArgument[],
    limitMs?: number,
  ): Promise<unknown>;

  /**
   * Runs a script where its first key lies; all its keys lie there. By its digest, and by its text
   * where the server does not know it (yet or any more). Its texts are Buffers where it says so.
   *
   * @throws PipelineError, see {@link toQueueError}
   */
  run(
    script: RedisScript,
    keys: readonly string[],
    args: readonly RedisArgument[],
  ): Promise<unknown>;

  /**
   * The server that holds a key, as far as known, e.g. "10.0.0.1:6379": keys with the same answer
   * share it.
   */
  serverOf(key: string): string;

  /**
   * The connection to the server that holds a key, as far as known: another one after each
   * reconnect and where the key lies elsewhere, e.g. "10.0.0.1:6379#3". What was learnt of a server
   * by one connection says nothing of the server behind the next.
   */
  sessionOf(key: string): string;

  /** Ends it at once; what is under way is rejected. Safe to call twice. */
  close(): void;
}
