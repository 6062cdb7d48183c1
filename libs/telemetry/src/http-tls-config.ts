import { env, text, type ConfigOf, type TlsVariables } from '@event-pipeline/runtime';

/** The variables that give the HTTP port of a program TLS. */
export const httpTlsConfigFields = {
  httpTlsCertFile: env('HTTP_TLS_CERT_FILE', text(), {
    optional: true,
    description:
      'certificate of the HTTP port (PEM, intermediate ones behind it): it then speaks HTTPS only',
  }),
  httpTlsKeyFile: env('HTTP_TLS_KEY_FILE', text(), {
    optional: true,
    description: 'private key of that certificate (PEM)',
  }),
  httpTlsClientCaFile: env('HTTP_TLS_CLIENT_CA_FILE', text(), {
    optional: true,
    description:
      'certificates (PEM) of those who sign for clients: then only /livez and /readyz are ' +
      'answered to a client without a certificate',
  }),
};

export function httpTlsVariables(config: ConfigOf<typeof httpTlsConfigFields>): TlsVariables {
  return {
    certificate: { variable: 'HTTP_TLS_CERT_FILE', path: config.httpTlsCertFile },
    key: { variable: 'HTTP_TLS_KEY_FILE', path: config.httpTlsKeyFile },
    ca: { variable: 'HTTP_TLS_CLIENT_CA_FILE', path: config.httpTlsClientCaFile },
  };
}
