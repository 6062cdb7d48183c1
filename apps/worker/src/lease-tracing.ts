import type { Lease } from '@event-pipeline/queue';
import {
  MAX_LINKS,
  parseTraceparent,
  type TracedSpan,
  type Tracing,
} from '@event-pipeline/telemetry';

/** As a stored event bears it: from the collector, or else among its attributes (event-codec.ts). */
const MEMBER = '"traceparent":"';
const LENGTH = 55;
/** So many are looked at for each that is wanted: a lease may be full of ones that are not sampled. */
const LOOKS = 4;

/** Begins the span of a lease; it belongs to what its events came with. */
export function leaseTracing(tracing: Tracing): (lease: Lease) => TracedSpan | undefined {
  return (lease) =>
    tracing.begin('process lease', {
      role: 'consumer',
      causes: sampledTraceparents(lease, MAX_LINKS),
      attributes: {
        'messaging.operation.type': 'process',
        'messaging.batch.message_count': lease.size,
        'messaging.destination.partition.id': String(lease.partition),
        'event_pipeline.lease_id': lease.id,
      },
    });
}

/**
 * The traceparents of sampled spans that the events bear, each once, in their order. Found in the texts
 * as they are, at the first place of each: decoding an event costs ten times as much.
 */
export function sampledTraceparents(
  { deliveries }: Pick<Lease, 'deliveries'>,
  most: number,
): readonly string[] {
  const found: string[] = [];
  let last = '';
  let looks = most * LOOKS;
  for (const { body } of deliveries) {
    const at = body.indexOf(MEMBER);
    if (at < 0) continue;
    const from = at + MEMBER.length;
    const text = body.slice(from, from + LENGTH);
    if (text === last) continue;
    last = text;
    if (parseTraceparent(text)?.isSampled === true && !found.includes(text))
      found.push(copyOf(text));
    looks -= 1;
    if (looks === 0 || found.length === most) break;
  }
  return found;
}

/** Which does not hold the whole body in memory, as a slice does, until the span has been sent. */
function copyOf(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
