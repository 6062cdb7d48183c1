import { createQuotaBuckets } from '@event-pipeline/queue/create';
import { WatchedFiles, type Clock, type Component } from '@event-pipeline/runtime';
import type { Logger, Metrics } from '@event-pipeline/telemetry';
import { Quotas } from './quotas';
import type { CollectorConfig } from '../collector-config';
import type { EventService } from '../grpc/event-service';
import { authMetrics, quotaMetrics } from './auth-metrics';
import { CallAccess } from './call-access';
import { createJwtVerifier } from './create-jwt-verifier';
import { GrantWatch } from './grant-watch';
import { isLoopback } from './loopback';
import { PrincipalDirectory } from './principal-directory';
import { parsePrincipals, type PrincipalEntry } from './principals-file';

export interface Access {
  /** Undefined where nobody is asked who they are: then it costs nothing. */
  readonly calls: CallAccess | undefined;
  /** What has to run for it beside the service that asks. */
  components(service: Pick<EventService, 'drainUngranted'>): readonly Component[];
}

/** Between two looks at the file of principals: a change counts when two have seen the same. */
const LOOK_MS = 500;
const MAX_FILE_BYTES = 16_777_216;

/**
 * Authentication and authorisation of the gRPC port, as configured.
 *
 * @throws PipelineError CONFIG_INVALID for a file of principals that cannot be used
 */
export async function createAccess(
  config: CollectorConfig,
  { metrics, logger, clock }: { metrics: Metrics; logger: Logger; clock: Clock },
): Promise<Access> {
  const { authPrincipalsFile: path, host } = config;
  if (path === undefined) {
    if (!isLoopback(host)) {
      const problem =
        'whoever reaches the gRPC port may send events: set AUTH_PRINCIPALS_FILE, or AUTH_REQUIRED=true to refuse to start without';
      logger.warn({ host }, problem);
    }
    return { calls: undefined, components: () => [] };
  }
  const jwt = createJwtVerifier(config, { clock, logger });
  const principals = new PrincipalDirectory();
  let onChange: () => void = () => undefined;
  const file = new WatchedFiles<readonly PrincipalEntry[]>({
    name: 'principals',
    files: [{ variable: 'AUTH_PRINCIPALS_FILE', path }],
    parse: ([content]) => parsePrincipals(String(content), path),
    clock,
    intervalMs: LOOK_MS,
    maxBytes: MAX_FILE_BYTES,
    onReloaded: (entries) => {
      principals.replace(entries);
      logger.info({ path, principals: entries.length }, 'principals were read again');
      onChange();
    },
    onRefused: (problem) =>
      logger.warn({ path, problem }, 'the new file of principals is refused: the old ones stay'),
  });
  principals.replace(file.current);
  const buckets = await createQuotaBuckets(config, { clock, logger });
  const quotas = new Quotas(buckets, clock, quotaMetrics(metrics, logger, clock));
  return {
    calls: new CallAccess(
      principals,
      clock,
      authMetrics(metrics, logger, clock),
      quotas,
      jwt?.verifier,
    ),
    components: (service) => {
      onChange = () => service.drainUngranted();
      return [file, ...(jwt?.components ?? []), quotas, new GrantWatch(service, clock)];
    },
  };
}
