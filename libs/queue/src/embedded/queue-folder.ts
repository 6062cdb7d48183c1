import { join, resolve } from 'node:path';
import { PipelineError, messageOf } from '@event-pipeline/runtime';
import type { Key, RootDatabase } from 'lmdb';
import type { QueueObserver } from '../queue-observer';
import type { DiskRoom } from './disk-room';
import { Environment, type EnvironmentDependencies, type EnvironmentOptions } from './environment';
import { DATA_FILE } from './folder-check';
import { LostFileError } from './lmdb-errors';

export interface QueueFolderDependencies extends EnvironmentDependencies {
  readonly observer?: QueueObserver;
}

/** What a file that was just opened needs before it is used; rejects where it cannot be used. */
export type Prepare = (environment: Environment) => Promise<unknown>;

/** How often it looks whether its files are still there; every transaction looks for itself. */
const LOOK_MS = 250;
/**
 * From the close of lost files to the opening of what is there now, and from attempt to attempt. A
 * multiple of {@link LOOK_MS}: meanwhile every other program lets go of the lost files too. Where
 * only one of the two files is new, nobody then uses the other as it was.
 */
const PAUSE_MS = 1_000;
const STILL_IN_USE =
  'a transaction of the lost files has not ended: another program holds the lock, and may be stopped';

/**
 * The folder of a queue, whatever LMDB environment is open in it. Where somebody deletes, moves or
 * replaces its files, LMDB goes on in what no path leads to: that is noticed, every call rejects
 * with QUEUE_UNAVAILABLE, and a second or so later the folder is opened again as it is then. So does
 * every program that uses it, each by itself.
 */
export class QueueFolder {
  private readonly ended = new AbortController();
  private watching: Promise<void> = Promise.resolve();

  private constructor(
    private environment: Environment,
    private readonly options: EnvironmentOptions,
    private readonly dependencies: QueueFolderDependencies,
  ) {}

  /** CONFIG_INVALID, in one line, for a folder that cannot be used. */
  static open(options: EnvironmentOptions, dependencies: QueueFolderDependencies): QueueFolder {
    return new QueueFolder(Environment.open(options, dependencies), options, dependencies);
  }

  /**
   * Begins to watch the files. `prepare` is called for each that is opened after lost ones. Without a
   * watch nothing is opened again: once the files are lost, every call rejects.
   */
  watch(prepare: Prepare): void {
    this.watching = this.keepWatch(prepare);
  }

  /** Valid within one turn of the event loop, and within a transaction. */
  get db(): RootDatabase<Buffer, Key> {
    return this.environment.db;
  }

  get disk(): DiskRoom {
    return this.environment.disk;
  }

  get isStuck(): boolean {
    return this.environment.isStuck;
  }

  get isClosed(): boolean {
    return this.ended.signal.aborted;
  }

  /** Whether calls have a file to go to; as last noticed. */
  get isOpen(): boolean {
    return !this.isClosed && this.environment.lost === undefined;
  }

  /** See {@link Environment.transact}. */
  transact<T>(work: () => T): Promise<T> {
    return this.environment.transact(work);
  }

  /** See {@link Environment.read}. */
  read<T>(work: () => T): T {
    return this.environment.read(work);
  }

  /** See {@link Environment.intakeRoom}. */
  intakeRoom(): number {
    return this.environment.intakeRoom();
  }

  /** @throws PipelineError QUEUE_UNAVAILABLE where its files are not those that were opened */
  checkPlace(): void {
    this.environment.checkPlace();
  }

  /** Ends the watch and waits for transactions under way, both within limits. */
  async close(): Promise<void> {
    this.ended.abort();
    await this.watching;
    await this.environment.close();
  }

  private async keepWatch(prepare: Prepare): Promise<void> {
    const { signal } = this.ended;
    for (;;) {
      await this.dependencies.clock.sleep(LOOK_MS, signal);
      if (signal.aborted) return;
      const lost = this.environment.look();
      if (lost === undefined) continue;
      this.report(lost);
      await this.environment.close();
      await this.openAnew(prepare, lost);
    }
  }

  private async openAnew(prepare: Prepare, lost: LostFileError): Promise<void> {
    const { clock, logger } = this.dependencies;
    const folder = resolve(this.options.path);
    let said = '';
    let dataReported = lost.isData;
    for (;;) {
      await clock.sleep(PAUSE_MS, this.ended.signal);
      if (this.isClosed) return;
      try {
        const { environment } = this;
        // Opening waits for the lock on this thread, and what the lost files still have under way may
        // hold it and wait for this thread: neither would ever end.
        if (!environment.isShut) throw new PipelineError('QUEUE_UNAVAILABLE', STILL_IN_USE);
        // Whoever deletes both files may begin with the lock.
        if (!dataReported && environment.isDataLost) {
          this.report(new LostFileError(join(this.options.path, DATA_FILE), true));
          dataReported = true;
        }
        this.environment = await this.opened(prepare);
        logger.warn({ folder }, 'the queue is open again, with what is in its folder now');
        return;
      } catch (cause) {
        const error = messageOf(cause);
        if (error !== said) logger.error({ folder, error }, 'the queue cannot be opened again');
        said = error;
      }
    }
  }

  private async opened(prepare: Prepare): Promise<Environment> {
    const environment = Environment.open(this.options, this.dependencies);
    try {
      await environment.disk.look();
      await prepare(environment);
      return environment;
    } catch (error) {
      await environment.close();
      throw error;
    }
  }

  private report(lost: LostFileError): void {
    const { logger, observer } = this.dependencies;
    if (lost.isData) observer?.dataLost();
    logger.error({ file: resolve(lost.file) }, lost.message);
  }
}
