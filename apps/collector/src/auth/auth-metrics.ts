import { MinutelyWarning, type Logger, type Metrics } from '@event-pipeline/telemetry';
import type { Clock } from '@event-pipeline/runtime';
import { AUTH_FAILURES, type AuthFailed } from './auth-failure';

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
