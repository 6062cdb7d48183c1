import { MinutelyWarning, type Logger, type Metrics } from '@event-pipeline/telemetry';
import { reasonName } from './ingest/event-ingestor';
import type { IntakeObserver } from './intake-observer';
import { RejectionCode } from '@event-pipeline/contracts';
import { ERROR_CODES, type Clock } from '@event-pipeline/runtime';
import { LIMITS, type LimitHit } from './limits/limit-names';
import { LOAD_REASONS, type LoadObserver } from './load/load-gate';

/** What the load gate sees and does, as metrics and, where it changes, as log lines. */
export function loadMetrics(metrics: Metrics, logger: Logger): LoadObserver {
  for (const reason of LOAD_REASONS) {
    metrics.loadShedding.set(0, { reason });
    metrics.loadRefused.add(0, { reason });
  }
  return {
    sampled: ({ loopDelayMs }) => metrics.loopDelaySeconds.observe(loopDelayMs / 1_000),
    limitTooLow: (problem) => logger.warn({}, problem),
    closed: (reason, problem) => {
      metrics.loadShedding.set(1, { reason });
      logger.warn({ reason }, `new events are refused for a while: ${problem}`);
    },
    opened: (reason) => {
      metrics.loadShedding.set(0, { reason });
      logger.info({ reason }, 'new events are taken again');
    },
    refused: (reason, count) => metrics.loadRefused.add(count, { reason }),
  };
}

/** What the limits of the gRPC port have ended, as a metric, and in a warning a minute for each. */
export function limitMetrics(metrics: Metrics, logger: Logger, clock: Clock): LimitHit {
  const warnings = new Map(LIMITS.map((limit) => [limit, new MinutelyWarning(clock, logger)]));
  for (const limit of LIMITS) metrics.limitHits.add(0, { limit });
  return (limit, address) => {
    metrics.limitHits.add(1, { limit });
    const isRoutine = limit === 'connection-age' || limit === 'connection-idle';
    if (isRoutine || limit === 'stream-idle') return;
    warnings.get(limit)?.warn({ limit, address }, 'a limit of the gRPC port was reached');
  };
}

/** What an event can be refused for. */
const REJECTIONS = Object.values(RejectionCode).filter(
  (code): code is RejectionCode =>
    typeof code === 'number' &&
    code !== RejectionCode.REJECTION_CODE_UNSPECIFIED &&
    code !== RejectionCode.UNRECOGNIZED,
);

/** What happens at the door, as metrics. A series that begins at 0 shows its first event as growth. */
export function intakeMetrics(metrics: Metrics, logger: Logger): IntakeObserver {
  for (const code of REJECTIONS) metrics.eventsRejected.add(0, { reason: reasonName(code) });
  for (const code of ERROR_CODES) metrics.callsFailed.add(0, { code });
  return {
    received: (events) => metrics.eventsReceived.add(events),
    accepted: (events) => metrics.eventsAccepted.add(events),
    duplicate: (events) => metrics.eventsDuplicate.add(events),
    failed: (code) => metrics.callsFailed.add(1, { code }),
    acknowledged: (seconds) => metrics.ackSeconds.observe(seconds),
    rejected: ({ code, eventId, message }) => {
      metrics.eventsRejected.add(1, { reason: reasonName(code) });
      if (logger.isDebug()) logger.debug({ eventId, reason: reasonName(code) }, message);
    },
    abandoned: (pendingEvents) =>
      logger.debug({ pendingEvents }, 'a client went away in the middle of its stream'),
    answerFailed: (reason) => logger.debug({ reason }, 'an answer could not be sent'),
  };
}
