import { env, text, type ConfigOf, type TlsVariables } from '@event-pipeline/runtime';

/** The variables that give the gRPC port TLS. */
export const grpcTlsConfigFields = {
  grpcTlsCertFile: env('COLLECTOR_TLS_CERT_FILE', text(), {
    optional: true,
    description:
      'certificate of the gRPC port (PEM, intermediate ones behind it): it then speaks TLS only',
  }),
  grpcTlsKeyFile: env('COLLECTOR_TLS_KEY_FILE', text(), {
    optional: true,
    description: 'private key of that certificate (PEM)',
  }),
  grpcTlsClientCaFile: env('COLLECTOR_TLS_CLIENT_CA_FILE', text(), {
    optional: true,
    description:
      'certificates (PEM) of those who sign for producers: then only a producer with a certificate gets a connection',
  }),
};

export function grpcTlsVariables(config: ConfigOf<typeof grpcTlsConfigFields>): TlsVariables {
  return {
    certificate: { variable: 'COLLECTOR_TLS_CERT_FILE', path: config.grpcTlsCertFile },
    key: { variable: 'COLLECTOR_TLS_KEY_FILE', path: config.grpcTlsKeyFile },
    ca: { variable: 'COLLECTOR_TLS_CLIENT_CA_FILE', path: config.grpcTlsClientCaFile },
  };
}
