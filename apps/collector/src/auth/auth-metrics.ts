import { MinutelyWarning, type Logger, type Metrics } from '@event-pipeline/telemetry';
import type { Clock } from '@event-pipeline/runtime';
import { AUTH_FAILURES, type AuthFailed } from './auth-failure';
import type { QuotaObserver } from './quota-share';

/** Calls that were not let in and streams that were ended, as a metric, and in a warning a minute for each reason. */
export function authMetrics(metrics: Metrics, logger: Logger, clock: Clock): AuthFailed {
  const warnings = new Map(
    AUTH_FAILURES.map((reason) => [reason, new MinutelyWarning(clock, logger)]),
  );
  for (const reason of AUTH_FAILURES) metrics.authFailures.add(0, { reason });
  return (reason, who) => {
    metrics.authFailures.add(1, { reason });
    warnings.get(reason)?.warn({ reason, who }, 'a call was not let in, or a stream was ended');
  };
}

/** Quotas at work, as a metric; where they do not hold, as a warning a minute. */
export function quotaMetrics(metrics: Metrics, logger: Logger, clock: Clock): QuotaObserver {
  const warning = new MinutelyWarning(clock, logger);
  return {
    refused: (principal) => metrics.quotaRefused.add(1, { principal }),
    unavailable: (problem) =>
      warning.warn({ problem }, 'the quotas cannot be asked for: events are let through meanwhile'),
  };
}
