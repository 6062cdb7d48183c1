/** Every limit of the gRPC port, as the label of pipeline_limit_hits_total. */
export const LIMITS = [
  'connections',
  'address-connections',
  'handshake',
  'connection-idle',
  'connection-age',
  'stream-idle',
  'request-time',
  'unfinished-bytes',
  'metadata',
  'message-bytes',
  'decompressed-bytes',
  'pings',
  'resets',
  'streams',
  'protocol',
  'penalty',
] as const;

export type LimitName = (typeof LIMITS)[number];

/** Hears of each connection or call that a limit has ended. */
export type LimitHit = (limit: LimitName, address: string) => void;
