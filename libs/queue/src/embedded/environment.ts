import { basename, dirname, resolve } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { PipelineError, flushFolder, type Clock } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';
import { ABORT, open, type Key, type RootDatabase } from 'lmdb';
import { commitReason } from './commit-reason';
import { DiskRoom } from './disk-room';
import { guardExit } from './exit-guard';
import { DATA_FILE, checkFolder, unusableFolder } from './folder-check';
import { FolderPlace } from './folder-place';
import { LostFileError, NoRoomError, isFatal, toPipelineError } from './lmdb-errors';

export interface EnvironmentOptions {
  readonly path: string;
  readonly mapSizeBytes: number;
}

export interface EnvironmentDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How long a transaction may take, most of which is waiting for other processes' transactions. */
const TRANSACTION_TIMEOUT_MS = 10_000;
/** Transactions that may be under way at once; more means that the lock is stuck. */
const MAX_TRANSACTIONS = 512;
const CLOSE_TIMEOUT_MS = 5_000;
/** Given to abort(), which without a reason makes an exception, stack and all, for every call. */
const DONE = 'done';
const SMALLEST_MAP_BYTES = 2 ** 20;
/** Well within the addresses a process has: where the map does not fit, lmdb ends the process. */
const LARGEST_MAP_BYTES = 2 ** 44;
/** Part of the map that intake may fill: removing takes pages too. */
const INTAKE_SHARE = 0.9;

/**
 * One LMDB folder, opened. Transactions run one at a time on the machine, whichever process they
 * come from; this class bounds them, maps their failures and keeps lmdb's quirks in one place.
 */
export class Environment {
  readonly disk: DiskRoom;
  private readonly place: FolderPlace;
  private readonly underWay = new Set<Promise<unknown>>();
  private readonly unguardExit: () => void;
  private overdue = 0;
  private broken = false;
  private lostFile: string | undefined;
  private closing: Promise<void> | undefined;
  private wasShut = false;

  private constructor(
    readonly db: RootDatabase<Buffer, Key>,
    private readonly options: EnvironmentOptions,
    private readonly dependencies: EnvironmentDependencies,
  ) {
    this.disk = new DiskRoom(options.path, dependencies.clock);
    this.place = FolderPlace.of(options.path);
    this.unguardExit = guardExit(() => this.underWay.size > 0);
  }

  /**
   * CONFIG_INVALID, in one line, for a folder that cannot be used. Unlike a transaction it waits for
   * the lock on the caller's own thread: for as long as a neighbour holds it, and without an end where
   * that one is stopped, this process stands still.
   */
  static open(options: EnvironmentOptions, dependencies: EnvironmentDependencies): Environment {
    const { path, mapSizeBytes } = options;
    checkMapSize(mapSizeBytes);
    checkFolder(path);
    try {
      const db = open<Buffer, Key>({
        path,
        noSubdir: false,
        encoding: 'binary',
        mapSize: mapSizeBytes,
        // Off: lmdb then wraps what is written in one turn of the event loop in a batch of its own,
        // whose promise it drops: rejected, it is an unhandled rejection that nobody can reach.
        eventTurnBatching: false,
        // Off: a transaction is then on disk when it resolves, in plain LMDB's way (data flushed,
        // then the page that makes it valid). With it, a transaction whose flush fails is visible
        // all the same, and the promise of its flush stays pending for ever.
        overlappingSync: false,
      });
      for (const folder of [path, dirname(resolve(path))]) flushFolder(folder);
      return new Environment(db, options, dependencies);
    } catch (error) {
      throw unusableFolder(path, error);
    }
  }

  /**
   * Runs `work` in a write transaction and resolves when it is flushed to disk. `work` must be
   * synchronous; when it throws, nothing of it is kept. The wait for the lock is another thread's,
   * so a busy or stopped neighbour delays this call and not the event loop.
   *
   * QUEUE_UNAVAILABLE after 10 s: it was not run, or runs to its end unseen. The same, as a
   * LostFileError, where the files are found lost: before `work`, which is then not run, or after the
   * flush. Before, while this process holds the lock: so nobody who follows to new files under the
   * same lock finds it used for lost ones any more.
   */
  async transact<T>(work: () => T): Promise<T> {
    if (this.lost) throw this.lost;
    if (this.closing) throw new PipelineError('QUEUE_UNAVAILABLE', 'the queue is closed');
    if (this.broken || this.underWay.size >= MAX_TRANSACTIONS) throw this.stuck();
    const limit = new AbortController();
    let abandoned = false;
    // A child transaction: it can be undone alone, though lmdb commits several callers' as one.
    const committed = this.db
      .childTransaction(() => {
        if (abandoned) return ABORT as T;
        this.checkPlace();
        return work();
      })
      .then((result) => {
        this.checkPlace();
        return result;
      })
      .catch(async (error: unknown) => {
        throw await commitReason(error, this.dependencies.clock);
      })
      .finally(() => {
        this.underWay.delete(committed);
        this.overdue = 0;
        limit.abort(DONE);
      });
    this.underWay.add(committed);
    const tooLong = this.dependencies.clock.sleep(TRANSACTION_TIMEOUT_MS, limit.signal).then(() => {
      if (limit.signal.aborted) return committed;
      abandoned = true;
      throw this.stuck();
    });
    try {
      return await Promise.race([committed, tooLong]);
    } catch (error) {
      throw await this.explain(error);
    } finally {
      // Whichever lost the race has nobody left to hear of its rejection.
      committed.catch(() => undefined);
      tooLong.catch(() => undefined);
    }
  }

  /**
   * Runs reads that belong together: they see one moment, which is now.
   *
   * @throws LostFileError rather than what lost files say
   */
  read<T>(work: () => T): T {
    this.checkPlace();
    if (this.closing) throw new PipelineError('QUEUE_UNAVAILABLE', 'the queue is closed');
    try {
      // lmdb keeps what it read from for a turn of the event loop: other processes move on.
      this.db.resetReadTxn();
      return work();
    } catch (error) {
      throw toPipelineError(error, false);
    }
  }

  /** What was noticed of its files; once lost, they stay so. */
  get lost(): LostFileError | undefined {
    if (this.lostFile === undefined) return undefined;
    return new LostFileError(this.lostFile, basename(this.lostFile) === DATA_FILE);
  }

  /** Looks whether its files are still at their paths. */
  look(): LostFileError | undefined {
    this.lostFile ??= this.place.lostFile();
    return this.lost;
  }

  /** @throws LostFileError where they are not */
  checkPlace(): void {
    const lost = this.look();
    if (lost !== undefined) throw lost;
  }

  /** Bytes that intake may still add to the database. */
  intakeRoom(): number {
    return this.options.mapSizeBytes * INTAKE_SHARE - this.usedBytes();
  }

  /** Whether transactions have been answered lately. */
  get isStuck(): boolean {
    return this.broken || this.overdue > 0;
  }

  get isClosed(): boolean {
    return this.closing !== undefined;
  }

  /** Whether nothing of it is left. {@link close} may end before: a transaction can wait for long. */
  get isShut(): boolean {
    return this.wasShut;
  }

  /** Whether its file with the events is lost, also where its lock was found lost first. */
  get isDataLost(): boolean {
    return this.place.isDataLost();
  }

  /** Waits for transactions under way, within a limit. */
  close(): Promise<void> {
    this.closing ??= this.shut();
    return this.closing;
  }

  /** Bytes of the pages in use: what is free within the file does not count. */
  private usedBytes(): number {
    const stats = this.db.getStats() as TreeStats & { free: TreeStats };
    return (pagesOf(stats) + pagesOf(stats.free)) * stats.pageSize;
  }

  /** lmdb's own close lets transactions that have not begun fail: they are awaited before. */
  private async shut(): Promise<void> {
    const { clock, logger } = this.dependencies;
    const limit = new AbortController();
    const closed = Promise.allSettled(this.underWay)
      // Callers may still decode what their transaction has read.
      .then(() => nextTurn())
      .then(() => this.db.close())
      .then(this.unguardExit)
      .catch((error: unknown) => logger.warn({ error }, 'the embedded queue did not close cleanly'))
      .finally(() => {
        this.wasShut = true;
      });
    await Promise.race([closed, clock.sleep(CLOSE_TIMEOUT_MS, limit.signal)]);
    limit.abort(DONE);
  }

  private stuck(): PipelineError {
    this.overdue += 1;
    return new PipelineError(
      'QUEUE_UNAVAILABLE',
      'the embedded queue does not answer: a process that uses it holds the lock, and may be stopped',
    );
  }

  private async explain(reason: unknown): Promise<PipelineError> {
    if (reason instanceof PipelineError) return reason;
    if (isFatal(reason)) this.broken = true;
    await this.disk.look();
    const explained = toPipelineError(reason, this.disk.isTight);
    if (explained instanceof NoRoomError) {
      this.dependencies.logger.warn({ path: this.options.path }, 'the disk of the queue is full');
    }
    return explained;
  }
}

interface TreeStats {
  readonly pageSize: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

function pagesOf(tree: TreeStats): number {
  return tree.treeBranchPageCount + tree.treeLeafPageCount + tree.overflowPages;
}

function checkMapSize(bytes: number): void {
  if (Number.isInteger(bytes) && bytes >= SMALLEST_MAP_BYTES && bytes <= LARGEST_MAP_BYTES) return;
  throw new PipelineError(
    'CONFIG_INVALID',
    `the embedded queue cannot be given ${bytes} bytes: 1 MiB to 16 TiB are expected`,
  );
}
