import { ServerCredentials } from '@grpc/grpc-js';
import type { Certificates } from '@event-pipeline/telemetry';

/**
 * Credentials of a gRPC server that follow their files. Handshakes from now on get the new pair;
 * connections and their streams go on. Where a CA for clients is given, whoever shows no certificate
 * of it gets no connection.
 */
export class ReloadedCredentials extends ServerCredentials {
  constructor(certificates: Certificates) {
    const { asksClients } = certificates;
    super(
      { requestCert: asksClients, rejectUnauthorized: asksClients },
      certificates.current.context,
    );
    certificates.onChange(({ context }) => this.updateSecureContextOptions(context));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}
