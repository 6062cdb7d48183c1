import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { status } from '@grpc/grpc-js';
import { MessageProgress } from './message-progress';

/** What HTTP/2 counts for an entry of metadata beside its name and value (RFC 9113, 6.5.2). */
const ENTRY_OVERHEAD_BYTES = 32;

/** Calls that may be open without a message for longer than a request may take. */
const LONG_CALLS = new Set([
  '/event.EventService/StreamEvents',
  '/event.EventService/PublishEventStream',
  '/grpc.health.v1.Health/Watch',
]);

/** One call of the gRPC port, as its limits see it. */
export class GuardedCall {
  readonly progress: MessageProgress;
  /** True once a limit has ended it: what still comes is dropped. */
  isCut = false;
  private readonly isLong: boolean;

  constructor(
    private readonly stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    private readonly openedAt: number,
    /** Called before the call is cut for what it holds of unfinished messages. */
    private readonly onUnfinishedCut: () => void,
  ) {
    this.progress = new MessageProgress(openedAt);
    this.isLong = LONG_CALLS.has(String(headers[':path']));
  }

  /** True where a message, or a whole unary call, has taken too long. */
  isTooSlow(limitMs: number, now: number): boolean {
    if (this.progress.isUnfinished) return now - this.progress.since > limitMs;
    if (this.isLong) return false;
    return now - this.openedAt > (this.progress.begun ? 2 * limitMs : limitMs);
  }

  cutForUnfinished(): void {
    this.onUnfinishedCut();
    this.end(status.UNAVAILABLE, 'too much of unfinished messages: send this one again');
  }

  /** Ends the call with a status; where an answer has begun already, by a reset. */
  end(code: status, details: string): void {
    const { stream } = this;
    this.isCut = true;
    if (stream.destroyed || stream.closed) return;
    if (stream.headersSent) {
      // Clients send again what was cancelled, not what was too large.
      stream.close(constants.NGHTTP2_CANCEL);
      return;
    }
    stream.respond(
      {
        ':status': constants.HTTP_STATUS_OK,
        'content-type': 'application/grpc',
        'grpc-status': String(code),
        'grpc-message': details,
      },
      { endStream: true },
    );
    stream.close(constants.NGHTTP2_NO_ERROR);
  }

  /** True where grpc-js refused a message for its size after decompression. */
  get wasTooLargeUnpacked(): boolean {
    const sent = { ...this.stream.sentHeaders, ...this.stream.sentTrailers };
    return (
      Number(sent['grpc-status']) === status.RESOURCE_EXHAUSTED &&
      String(sent['grpc-message']).includes('decompresses')
    );
  }
}

/** The size of metadata as HTTP/2 counts it, from names and values in turn. */
export function metadataBytes(rawHeaders: readonly string[]): number {
  let bytes = (rawHeaders.length / 2) * ENTRY_OVERHEAD_BYTES;
  for (const text of rawHeaders) bytes += text.length;
  return bytes;
}
