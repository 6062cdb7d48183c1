import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { FoundEvent } from './invariants';
import type { Scratch } from './scratch';
import { inWorkspace } from './workspace';

/** Every delivery to a handler, by all workers of a test, with what it said. */
export class Deliveries {
  private constructor(
    private readonly path: string,
    private readonly handlerMs: number,
  ) {}

  /** @param handlerMs how long handlers take for a batch: the time in which leases are held */
  static async create(handlerMs: number, scratch: Scratch): Promise<Deliveries> {
    return new Deliveries(join(await scratch.folder(), 'deliveries'), handlerMs);
  }

  /** Makes a worker record. */
  get variables() {
    return {
      WORKER_HANDLERS: inWorkspace('apps/pipeline-e2e/src/testdata/content-recording-handlers.cjs'),
      RECORD_FILE: this.path,
      HANDLER_TEST_MS: String(this.handlerMs),
    };
  }

  /** In the order in which they were handled; an event that was delivered twice appears twice. */
  async all(): Promise<readonly FoundEvent[]> {
    if (!existsSync(this.path)) return [];
    const found: FoundEvent[] = [];
    for await (const line of createInterface({ input: createReadStream(this.path) })) {
      const [, eventId, content] = /^([0-9a-f-]{36}) ([\w-]{22})$/.exec(line) ?? [];
      if (eventId !== undefined && content !== undefined) found.push({ eventId, content });
    }
    return found;
  }
}
