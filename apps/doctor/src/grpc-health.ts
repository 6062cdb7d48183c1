import type { Clock } from '@event-pipeline/runtime';
import { Client, credentials } from '@grpc/grpc-js';

const SERVICE = 'event.EventService';
const ANSWER_LIMIT_MS = 2_000;
const STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;

/**
 * What the health service of gRPC (grpc.health.v1) says of the collector's service on this port of this
 * machine; undefined where none answers, or knows no such service: then it is no collector.
 */
export function askHealth(
  port: number,
  clock: Clock,
  tls = false,
): Promise<(typeof STATUSES)[number] | undefined> {
  // Nothing is confided to whoever answers here: any certificate will do.
  const unverified = () => credentials.createSsl(null, null, null, { rejectUnauthorized: false });
  const made = tls ? unverified() : credentials.createInsecure();
  // An address is no name that TLS may ask for.
  const named = { 'grpc.ssl_target_name_override': 'localhost' };
  const client = new Client(`127.0.0.1:${port}`, made, named);
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      // HealthCheckRequest: field 1, the name of the service.
      (service: string) => Buffer.from([0x0a, service.length, ...Buffer.from(service)]),
      // HealthCheckResponse: field 1, the status; absent when it is 0.
      (answer: Buffer) => (answer[0] === 0x08 ? STATUSES[answer[1] ?? 0] : STATUSES[0]),
      SERVICE,
      { deadline: clock.now() + ANSWER_LIMIT_MS },
      (error, status) => {
        client.close();
        resolve(error === null ? status : undefined);
      },
    );
  });
}
