import type { ChannelCredentials, ClientOptions } from '@grpc/grpc-js';
import type { Clock, Random } from '@event-pipeline/runtime/basics';
import { shownValue } from '@event-pipeline/runtime/basics';
import { isToken, type TokenSource } from './call-token';
import type { PublishMethod } from './publish-method';
import { PublishError } from './publish-error';
import type { PublisherObserver } from './publisher-observer';
import type { Spill } from './spill-port';

/** How a publisher shall work. All but `collectors` may be left out. */
export interface PublisherOptions {
  /**
   * Where collectors listen: "host:port", "[IPv6]:port", or an address with one of gRPC's schemes (dns:,
   * unix:, ipv4:, ipv6:). They must have the same queue behind them. Connections are spread over them in
   * turn.
   */
  readonly collectors: string | readonly string[];
  /** 1 to 64. Default: one for each collector. Order is kept within one connection only. */
  readonly connections?: number;
  /** Most events of a batch, 1 to 10,000. Default: 500. */
  readonly maxBatchEvents?: number;
  /** Most bytes of a batch, 1 KiB to 4 MiB. Default: 1 MiB. An event that is larger goes alone. */
  readonly maxBatchBytes?: number;
  /** How long an event waits for others to share its batch, 0 to 60,000 ms. Default: 5. */
  readonly lingerMs?: number;
  /** Most bytes of a request; what the collector takes (COLLECTOR_MAX_REQUEST_BYTES). Default: 4 MiB. */
  readonly maxRequestBytes?: number;
  /** Most events without an acknowledgement. Default: 50,000. */
  readonly maxUnacknowledgedEvents?: number;
  /** Most bytes without an acknowledgement; one event may exceed it. Default: 32 MiB. */
  readonly maxUnacknowledgedBytes?: number;
  /**
   * What becomes of an event for which there is no room: it waits in a line that is bounded by the same
   * limits (the default), or is refused with WINDOW_FULL at once.
   */
  readonly whenFull?: 'wait' | 'refuse';
  /**
   * How long an event may take, from publish() to its acknowledgement, 10 to 600,000 ms. Default: 60,000.
   * The queue knows a batch id for 15 minutes: a publisher gives up sooner.
   */
  readonly deadlineMs?: number;
  /** How long the collector may be silent before batches are sent again, 10 to 600,000 ms. Default: 20,000. */
  readonly answerTimeoutMs?: number;
  /** How long close() and flush() wait, 0 to 600,000 ms. Default: 15,000. */
  readonly closeTimeoutMs?: number;
  /**
   * 'stream' (PublishEventStream, the default) has many batches on their way at once; 'unary'
   * (PublishEvents) has one a connection, for ways that pass no streams on.
   */
  readonly method?: PublishMethod;
  /**
   * The W3C `traceparent` of the span in which publish() is called, asked for each event; undefined where
   * there is none. It goes with the event as its attribute `traceparent`, unless it has one already. Must
   * not throw. Default: none is asked for, and nothing is spent on it.
   */
  readonly traceparent?: () => string | undefined;
  /**
   * Sent with each call as `authorization: Bearer …`: a token, or a function that gives it, which must not
   * throw. Asked when a call begins, so a stream that ends since its token has expired goes on with the
   * next one. Without encryption others may read it. Default: none.
   */
  readonly token?: TokenSource;
  /** Default: no encryption. docs/security.md has an example with TLS. */
  readonly credentials?: ChannelCredentials;
  /** For grpc-js, over what the publisher sets. */
  readonly channelOptions?: ClientOptions;
  /** Keeps events on disk until they are settled: see @event-pipeline/publisher/spill. */
  readonly spill?: Spill;
  readonly observer?: PublisherObserver;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Default: the system's. */
  readonly random?: Random;
}

/** The numbers of the options, each with its default and its limits. */
export const OPTION_NUMBERS = {
  maxBatchEvents: { default: 500, min: 1, max: 10_000 },
  maxBatchBytes: { default: 1_048_576, min: 1_024, max: 4_194_304 },
  lingerMs: { default: 5, min: 0, max: 60_000 },
  maxRequestBytes: { default: 4_194_304, min: 1_024, max: 1_073_741_824 },
  maxUnacknowledgedEvents: { default: 50_000, min: 1, max: 10_000_000 },
  maxUnacknowledgedBytes: { default: 33_554_432, min: 1_024, max: 4_294_967_296 },
  deadlineMs: { default: 60_000, min: 10, max: 600_000 },
  answerTimeoutMs: { default: 20_000, min: 10, max: 600_000 },
  closeTimeoutMs: { default: 15_000, min: 0, max: 600_000 },
} as const;

type NumberName = keyof typeof OPTION_NUMBERS;

export type PublisherLimits = Readonly<Record<NumberName, number>> & {
  readonly collectors: readonly string[];
  readonly connections: number;
};

const MAX_CONNECTIONS = 64;

/**
 * The numbers and addresses that hold, defaults included.
 *
 * @throws PublishError INVALID_OPTIONS whose message names every problem, a line each.
 */
export function checkOptions(options: PublisherOptions): PublisherLimits {
  const problems: string[] = [];
  const names = Object.keys(OPTION_NUMBERS) as NumberName[];
  const numbers = Object.fromEntries(
    names.map((name) => [name, numberOf(name, options[name], OPTION_NUMBERS[name], problems)]),
  ) as Record<NumberName, number>;
  const given = options.collectors;
  const collectors = typeof given === 'string' ? [given] : [...given];
  if (collectors.length === 0) problems.push('collectors: expected at least one address');
  for (const address of collectors) {
    if (!isAddress(address)) {
      const form = 'host:port, like localhost:50051';
      problems.push(`collectors: expected ${form}, got ${shownValue(String(address))}`);
    }
  }
  const connections = numberOf(
    'connections',
    options.connections,
    {
      default: Math.min(MAX_CONNECTIONS, Math.max(1, collectors.length)),
      min: 1,
      max: MAX_CONNECTIONS,
    },
    problems,
  );
  oneOf('whenFull', options.whenFull, ['wait', 'refuse'], problems);
  oneOf('method', options.method, ['stream', 'unary'], problems);
  const { token } = options;
  if (token !== undefined && typeof token !== 'function' && !isToken(token)) {
    problems.push('token: expected letters, digits and "-._~+/", or a function (it is not shown)');
  }
  if (numbers.maxBatchBytes > numbers.maxRequestBytes) {
    problems.push('maxBatchBytes: must not be larger than maxRequestBytes');
  }
  if (problems.length > 0) throw new PublishError('INVALID_OPTIONS', problems.join('\n'));
  return { ...numbers, collectors, connections };
}

/** A deadline or a time limit that a call brings itself. @throws PublishError INVALID_OPTIONS */
export function checkTime(name: 'deadlineMs' | 'closeTimeoutMs', given: number): number {
  const problems: string[] = [];
  const value = numberOf(name, given, OPTION_NUMBERS[name], problems);
  if (problems.length > 0) throw new PublishError('INVALID_OPTIONS', problems.join('\n'));
  return value;
}

/** host:port, [IPv6]:port, or a name that gRPC resolves by its scheme. */
function isAddress(address: unknown): boolean {
  if (typeof address !== 'string') return false;
  if (/^(dns|unix|ipv4|ipv6):\S+$/.test(address) && !/^dns:\d+$/.test(address)) return true;
  const port = /^(?:[^\s:/[\]]+|\[[0-9a-fA-F:.]+\]):(\d{1,5})$/.exec(address)?.[1];
  return port !== undefined && Number(port) >= 1 && Number(port) <= 65_535;
}

function numberOf(
  name: string,
  given: number | undefined,
  limits: { readonly default: number; readonly min: number; readonly max: number },
  problems: string[],
): number {
  const value = given ?? limits.default;
  if (Number.isFinite(value) && value >= limits.min && value <= limits.max) return value;
  problems.push(`${name}: expected ${limits.min} to ${limits.max}, got ${String(given)}`);
  return limits.default;
}

function oneOf(
  name: string,
  given: string | undefined,
  known: readonly string[],
  problems: string[],
): void {
  if (given === undefined || known.includes(given)) return;
  problems.push(`${name}: expected one of ${known.join(', ')}, got ${shownValue(String(given))}`);
}
