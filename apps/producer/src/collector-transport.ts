import { credentials, type ChannelCredentials, type ClientOptions } from '@grpc/grpc-js';
import { createSecureContext } from 'node:tls';
import {
  listTlsFiles,
  readNamedFile,
  readTlsMaterial,
  tlsFilesOf,
  type Clock,
  type ConfigOf,
} from '@event-pipeline/runtime';
import { clientTlsVariables, type clientTlsConfigFields } from './client-tls-config';

/** How connections to a collector are made. */
export interface CollectorTransport {
  readonly credentials: ChannelCredentials;
  readonly channelOptions: ClientOptions;
  /** What to look at where no connection comes about, for people. */
  readonly hint: string;
}

export const PLAINTEXT: CollectorTransport = {
  credentials: credentials.createInsecure(),
  channelOptions: {},
  hint: '',
};

/**
 * As the variables say. Files are read here and not again.
 *
 * @throws PipelineError CONFIG_INVALID that names variable and file
 */
export function collectorTransport(
  config: ConfigOf<typeof clientTlsConfigFields>,
  clock: Clock,
): CollectorTransport {
  const files = tlsFilesOf(clientTlsVariables(config));
  const { clientTls, clientTlsServerName: name } = config;
  if (!clientTls && files === undefined && name === undefined) return PLAINTEXT;
  const contents = files ? listTlsFiles(files).map((file) => readNamedFile(file)) : [];
  const { context } = readTlsMaterial(files ?? {}, contents, clock.now());
  return {
    credentials: credentials.createFromSecureContext(createSecureContext(context)),
    channelOptions:
      name === undefined
        ? {}
        : { 'grpc.ssl_target_name_override': name, 'grpc.default_authority': name },
    hint:
      ', speaks TLS, has a certificate for that name by an authority that is trusted here ' +
      '(CLIENT_TLS_CA_FILE), and takes the certificate of this producer where it asks for one',
  };
}
