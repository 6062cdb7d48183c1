import { PipelineError, type Clock, type Component } from '@event-pipeline/runtime';
import type { Queue } from '@event-pipeline/queue';
import type { Logger } from '@event-pipeline/telemetry';

const RETRY_MS = 1_000;

/**
 * Gives the queue the number of partitions that is configured, where one is. While the queue is out
 * of reach the collector starts all the same, and this is done as soon as it is back.
 */
export class PartitionSetting implements Component {
  readonly name = 'partition-setting';
  private readonly ended = new AbortController();
  private trying: Promise<void> = Promise.resolve();

  constructor(
    private readonly queue: Pick<Queue, 'resize'>,
    /** Undefined: the queue keeps what it has. */
    private readonly partitions: number | undefined,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /** @throws PipelineError CONFIG_INVALID for a queue that cannot shrink */
  async start(): Promise<void> {
    const { partitions } = this;
    if (partitions === undefined) return;
    if (!(await this.apply(partitions))) this.trying = this.keepTrying(partitions);
  }

  async stop(): Promise<void> {
    this.ended.abort();
    await this.trying;
  }

  /** Never rejects: by now the collector is at work, with the partitions that there are. */
  private async keepTrying(partitions: number): Promise<void> {
    const { signal } = this.ended;
    try {
      do await this.clock.sleep(RETRY_MS, signal);
      while (!signal.aborted && !(await this.apply(partitions)));
    } catch (error) {
      this.logger.error({ err: error }, 'QUEUE_PARTITIONS could not be put into effect');
    }
  }

  /** False where the queue gave no answer, or cannot do it now. */
  private async apply(partitions: number): Promise<boolean> {
    try {
      await this.queue.resize(partitions);
      return true;
    } catch (error) {
      if (PipelineError.from(error).code === 'CONFIG_INVALID') throw error;
      return false;
    }
  }
}
