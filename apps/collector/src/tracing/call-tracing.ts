import type { Metadata } from '@grpc/grpc-js';
import type { Clock } from '@event-pipeline/runtime';
import { MAX_LINKS, type TracedSpan, type Tracing } from '@event-pipeline/telemetry';
import { sampledTraceparents } from './sampled-traceparents';
import { StreamTrace } from './stream-trace';

const SERVICE = 'event.EventService';

/** The methods whose requests are batches. */
export type BatchMethod = 'PublishEvents' | 'PublishEventStream';

/** Begins the spans of what comes in. Only where tracing is on is there one. */
export class CallTracing {
  constructor(
    private readonly tracing: Tracing,
    private readonly clock: Clock,
  ) {}

  /** The span of one request; undefined where it is not sampled. */
  batch(
    method: BatchMethod,
    request: Uint8Array,
    events: number,
    caller: string | undefined,
  ): TracedSpan | undefined {
    return this.tracing.begin(`${SERVICE}/${method}`, {
      role: 'server',
      caller,
      causes: sampledTraceparents(request, MAX_LINKS),
      attributes: {
        'rpc.system': 'grpc',
        'rpc.service': SERVICE,
        'rpc.method': method,
        'messaging.batch.message_count': events,
      },
    });
  }

  /** The spans of one StreamEvents call. */
  stream(caller: string | undefined): StreamTrace {
    const begin = (causes: readonly string[]) =>
      this.tracing.begin(`${SERVICE}/StreamEvents`, {
        role: 'server',
        caller,
        causes,
        attributes: {
          'rpc.system': 'grpc',
          'rpc.service': SERVICE,
          'rpc.method': 'StreamEvents',
        },
      });
    return new StreamTrace(begin, this.clock);
  }
}

/** The traceparent that a call came with. */
export function callerOf(metadata: Metadata): string | undefined {
  const [value] = metadata.get('traceparent');
  return typeof value === 'string' ? value : undefined;
}
