import { env, flag, text, type ConfigOf, type TlsVariables } from '@event-pipeline/runtime';

/** The variables that say how a program connects to a collector over TLS. */
export const clientTlsConfigFields = {
  clientTls: env('CLIENT_TLS', flag(), {
    default: false,
    description: 'TLS to the collector; on as well where one of the next four is set',
  }),
  clientTlsCaFile: env('CLIENT_TLS_CA_FILE', text(), {
    optional: true,
    description:
      'certificates (PEM) of those whose signature is trusted; unset: those that Node.js trusts',
  }),
  clientTlsCertFile: env('CLIENT_TLS_CERT_FILE', text(), {
    optional: true,
    description: 'own certificate (PEM), for a collector that asks for one',
  }),
  clientTlsKeyFile: env('CLIENT_TLS_KEY_FILE', text(), {
    optional: true,
    description: 'private key of that certificate (PEM)',
  }),
  clientTlsServerName: env('CLIENT_TLS_SERVER_NAME', text({ maxLength: 255 }), {
    optional: true,
    description: "name that the collector's certificate must have; unset: the host of its address",
  }),
};

export function clientTlsVariables(config: ConfigOf<typeof clientTlsConfigFields>): TlsVariables {
  return {
    certificate: { variable: 'CLIENT_TLS_CERT_FILE', path: config.clientTlsCertFile },
    key: { variable: 'CLIENT_TLS_KEY_FILE', path: config.clientTlsKeyFile },
    ca: { variable: 'CLIENT_TLS_CA_FILE', path: config.clientTlsCaFile },
  };
}
