import type { Clock, Component } from '@event-pipeline/runtime';
import type { Logger, Metrics } from '@event-pipeline/telemetry';
import type { CollectorConfig } from '../collector-config';
import type { EventService } from '../grpc/event-service';
import { authMetrics } from './auth-metrics';
import { CallAccess } from './call-access';
import { GrantWatch } from './grant-watch';
import { isLoopback } from './loopback';
import { PrincipalDirectory } from './principal-directory';
import { PrincipalsWatch } from './principals-watch';

export interface Access {
  /** Undefined where nobody is asked who they are: then it costs nothing. */
  readonly calls: CallAccess | undefined;
  /** What has to run for it beside the service that asks. */
  components(service: Pick<EventService, 'drainUngranted'>): readonly Component[];
}

/** Authentication and authorisation of the gRPC port, as configured. */
export function createAccess(
  config: CollectorConfig,
  { metrics, logger, clock }: { metrics: Metrics; logger: Logger; clock: Clock },
): Access {
  const { authPrincipalsFile: path, host } = config;
  if (path === undefined) {
    if (!isLoopback(host)) {
      const problem =
        'whoever reaches the gRPC port may send events: set AUTH_PRINCIPALS_FILE, or AUTH_REQUIRED=true to refuse to start without';
      logger.warn({ host }, problem);
    }
    return { calls: undefined, components: () => [] };
  }
  const principals = new PrincipalDirectory();
  return {
    calls: new CallAccess(principals, clock, authMetrics(metrics, logger, clock)),
    components: (service) => [
      new PrincipalsWatch(path, principals, clock, logger, () => service.drainUngranted()),
      new GrantWatch(service, clock),
    ],
  };
}
