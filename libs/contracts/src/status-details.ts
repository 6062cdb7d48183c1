import { StreamSummary } from './gen/event/event';
import type { Any } from './gen/google/protobuf/any';
import { RetryInfo, Status } from './gen/google/rpc/status';

/** The trailer that carries a google.rpc.Status beside the plain gRPC status. */
export const STATUS_DETAILS_KEY = 'grpc-status-details-bin';

const SUMMARY_TYPE = 'type.googleapis.com/event.StreamSummary';
const RETRY_INFO_TYPE = 'type.googleapis.com/google.rpc.RetryInfo';

/** What a failed call says beyond its status code. */
export interface StatusDetails {
  /** Wait at least this long before trying again. Absent: the status code alone decides. */
  readonly retryDelayMs?: number;
  /** Of a stream that ended early: what became of the prefix it covers. */
  readonly summary?: StreamSummary;
}

/** The bytes of the grpc-status-details-bin trailer. */
export function encodeStatusDetails(code: number, message: string, details: StatusDetails): Buffer {
  const anys: Any[] = [];
  if (details.summary) {
    anys.push({
      typeUrl: SUMMARY_TYPE,
      value: Buffer.from(StreamSummary.encode(details.summary).finish()),
    });
  }
  if (details.retryDelayMs !== undefined) {
    const seconds = Math.floor(details.retryDelayMs / 1000);
    const nanos = Math.round((details.retryDelayMs - seconds * 1000) * 1e6);
    const retryInfo = RetryInfo.encode({ retryDelay: { seconds, nanos } }).finish();
    anys.push({ typeUrl: RETRY_INFO_TYPE, value: Buffer.from(retryInfo) });
  }
  return Buffer.from(Status.encode({ code, message, details: anys }).finish());
}

/** Reads the trailer; what is missing or unreadable is left out, since a status stands without it. */
export function decodeStatusDetails(bytes: Uint8Array): StatusDetails {
  const details: { retryDelayMs?: number; summary?: StreamSummary } = {};
  try {
    for (const { typeUrl, value } of Status.decode(bytes).details) {
      if (typeUrl === SUMMARY_TYPE) details.summary = StreamSummary.decode(value);
      if (typeUrl === RETRY_INFO_TYPE) {
        const delay = RetryInfo.decode(value).retryDelay;
        details.retryDelayMs = delay ? delay.seconds * 1000 + delay.nanos / 1e6 : 0;
      }
    }
  } catch {
    return details;
  }
  return details;
}
