import { readFileSync, statSync } from 'node:fs';
import { messageOf, PipelineError, type Clock, type Component } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';
import type { PrincipalDirectory } from './principal-directory';
import { parsePrincipals } from './principals-file';

/** Between two looks at the file. */
const LOOK_MS = 1_000;
const MAX_FILE_BYTES = 16_777_216;

/**
 * Keeps the principals as the file has them. It is read again within a second of a change; one that
 * cannot be used is refused with a warning, and those that were known stay.
 */
export class PrincipalsWatch implements Component {
  readonly name = 'principals';
  private readonly ended = new AbortController();
  private watching: Promise<void> = Promise.resolve();
  private seen = '';

  constructor(
    private readonly path: string,
    private readonly principals: Pick<PrincipalDirectory, 'replace' | 'size'>,
    private readonly clock: Clock,
    private readonly logger: Logger,
    /** Told after the principals have changed. */
    private readonly onChange: () => void,
  ) {}

  /** @throws PipelineError CONFIG_INVALID for a file that cannot be used */
  start(): Promise<void> {
    this.seen = versionOf(this.path);
    this.read();
    this.watching = this.watch();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.ended.abort();
    await this.watching;
  }

  private async watch(): Promise<void> {
    const { signal } = this.ended;
    for (;;) {
      await this.clock.sleep(LOOK_MS, signal);
      if (signal.aborted) return;
      this.look();
    }
  }

  /** Never throws: by now the collector is at work. */
  private look(): void {
    const { path } = this;
    const version = versionOf(path);
    if (version === this.seen) return;
    this.seen = version;
    try {
      this.read();
      this.logger.info({ path, principals: this.principals.size }, 'principals were read again');
      this.onChange();
    } catch (error) {
      const problem = messageOf(error);
      this.logger.warn(
        { path, problem },
        'the new file of principals is refused: the old ones stay',
      );
    }
  }

  private read(): void {
    this.principals.replace(parsePrincipals(readText(this.path), this.path));
  }
}

/** Changes with the file; a file that is moved into its place, and a link that leads elsewhere, too. */
function versionOf(path: string): string {
  try {
    const { mtimeMs, ctimeMs, size, ino } = statSync(path);
    return `${mtimeMs} ${ctimeMs} ${size} ${ino}`;
  } catch (error) {
    return messageOf(error);
  }
}

function readText(path: string): string {
  try {
    const stats = statSync(path);
    // A pipe or a device could keep the program waiting, or never end.
    if (!stats.isFile()) throw new Error('it is no file');
    if (stats.size > MAX_FILE_BYTES) throw new Error(`it is larger than ${MAX_FILE_BYTES} bytes`);
    return readFileSync(path, 'utf8');
  } catch (error) {
    const problem = `AUTH_PRINCIPALS_FILE ${path} cannot be read: ${messageOf(error)}`;
    throw new PipelineError('CONFIG_INVALID', problem, { cause: error });
  }
}
