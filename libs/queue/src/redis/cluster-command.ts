import { Command } from 'ioredis';
import type { RedisArgument, ReplyEncoding } from './redis-link';

/** What ioredis hands a command to be written to. */
interface Connection {
  destroy(): void;
}

/** The slot of a cluster that a key lies in. */
export function slotOf(key: string): number {
  return new Command('get', [key]).getSlot();
}

/**
 * A command on its way through a cluster. ioredis' Cluster sends it again after MOVED, ASK, TRYAGAIN and
 * CLUSTERDOWN, and has no idea of a time limit: {@link giveUp} ends that.
 */
export class ClusterCommand extends Command {
  /** What the last try came to, where there was one. */
  lastError: Error | undefined;
  /** Where it was sent and has not been answered. */
  private waitsOn: Connection | undefined;
  private readonly rejectCaller = this.reject;

  constructor(name: string, args: readonly RedisArgument[], replyEncoding: ReplyEncoding = 'utf8') {
    super(name, args as RedisArgument[], { replyEncoding });
  }

  /** False for what looks at a whole server, as SCAN and CONFIG do: no key says where it belongs. */
  get hasKey(): boolean {
    return this.getKeys().length > 0;
  }

  override toWritable(connection: Connection): string | Buffer {
    this.waitsOn = connection;
    return super.toWritable(connection);
  }

  /** To be called with what `send` gives the command to: takes part in what becomes of its errors. */
  sentBy(send: (command: this) => unknown): Promise<unknown> {
    send(this);
    // By now it is the Cluster's, which looks whether the error is worth another try.
    const tryAgain = this.reject;
    this.reject = (error) => {
      this.waitsOn = undefined;
      this.lastError = error;
      tryAgain(error);
    };
    return this.promise;
  }

  /**
   * Rejects the command for good. A connection that owes it an answer is cut, since its server may
   * hang; one that answered, if only with "try again", is left alone.
   *
   * A try that ioredis has put off cannot be called off any more: it sends PING.
   */
  giveUp(error: Error): void {
    const { waitsOn } = this;
    this.reject = this.rejectCaller;
    this.reject(error);
    this.name = 'ping';
    this.args = [];
    waitsOn?.destroy();
  }
}
