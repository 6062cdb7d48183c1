import {
  WatchedFiles,
  listTlsFiles,
  readTlsMaterial,
  type Clock,
  type Component,
  type TlsFiles,
  type TlsMaterial,
} from '@event-pipeline/runtime';
import type { Logger } from './logger';
import type { Metrics } from './metrics';
import { MinutelyWarning } from './minutely-warning';

export interface CertificatesOptions {
  /** Whose they are: "grpc" or "http"; a label of the metrics. */
  readonly server: string;
  readonly files: TlsFiles;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<
    Metrics,
    'certificateReloads' | 'certificateExpiry' | 'tlsHandshakeFailures'
  >;
  /** How often the files are looked at. Default: that of WatchedFiles. */
  readonly intervalMs?: number;
}

const SOON_MS = 14 * 24 * 3_600_000;

/**
 * The certificates of a server, taken anew from their files while it runs. A new pair that is broken is
 * refused, in a warning and a metric, and the old one goes on.
 */
export class Certificates implements Component {
  readonly name: string;
  /** Whether clients have to show a certificate of their own. */
  readonly asksClients: boolean;
  readonly #options: CertificatesOptions;
  readonly #files: WatchedFiles<TlsMaterial>;
  readonly #listeners: ((material: TlsMaterial) => void)[] = [];
  readonly #failureWarning: MinutelyWarning;

  /** @throws PipelineError CONFIG_INVALID where the files cannot be used */
  constructor(options: CertificatesOptions) {
    const { server, files, clock, logger, metrics, intervalMs } = options;
    this.name = `${server}-certificates`;
    this.asksClients = files.ca !== undefined;
    this.#options = options;
    this.#failureWarning = new MinutelyWarning(clock, logger);
    for (const result of ['taken', 'refused']) {
      metrics.certificateReloads.add(0, { server, result });
    }
    metrics.tlsHandshakeFailures.add(0, { server });
    this.#files = new WatchedFiles({
      name: this.name,
      files: listTlsFiles(files),
      parse: (contents) => readTlsMaterial(files, contents, clock.now()),
      clock,
      onReloaded: (material) => this.#take(material),
      onRefused: (reason) => {
        metrics.certificateReloads.add(1, { server, result: 'refused' });
        logger.warn({ server, reason }, 'new certificates are refused, the old ones go on');
      },
      ...(intervalMs !== undefined && { intervalMs }),
    });
    this.#showExpiry(this.current);
  }

  /** For the next handshake. */
  get current(): TlsMaterial {
    return this.#files.current;
  }

  /** The listener is called for each new pair, and must not throw. */
  onChange(listener: (material: TlsMaterial) => void): void {
    this.#listeners.push(listener);
  }

  /** A handshake came to nothing: counted, and in a warning a minute. */
  handshakeFailed(error: Error, address: string | undefined): void {
    const { server, metrics } = this.#options;
    metrics.tlsHandshakeFailures.add(1, { server });
    const { code = error.message } = error as NodeJS.ErrnoException;
    this.#failureWarning.warn({ server, address, reason: code }, 'a TLS handshake failed');
  }

  start(): Promise<void> {
    return this.#files.start();
  }

  stop(): Promise<void> {
    return this.#files.stop();
  }

  #take(material: TlsMaterial): void {
    const { server, logger, metrics } = this.#options;
    for (const listener of this.#listeners) listener(material);
    metrics.certificateReloads.add(1, { server, result: 'taken' });
    logger.info({ server }, 'new certificates are taken for new connections');
    this.#showExpiry(material);
  }

  #showExpiry({ expiresAt }: TlsMaterial): void {
    if (expiresAt === undefined) return;
    const { server, clock, logger, metrics } = this.#options;
    metrics.certificateExpiry.set(expiresAt / 1_000, { server });
    if (expiresAt - clock.now() > SOON_MS) return;
    const expires = new Date(expiresAt).toISOString();
    logger.warn({ server, expires }, 'the certificate expires within 14 days');
  }
}
