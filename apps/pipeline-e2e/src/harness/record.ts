import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Scratch } from './scratch';
import { inWorkspace } from './workspace';

const HANDLERS = {
  batch: 'recording-handlers.cjs',
  single: 'recording-single-handlers.cjs',
  poison: 'poison-handlers.cjs',
  'poison among many': 'poison-among-many-handlers.cjs',
  mendable: 'mendable-handlers.cjs',
} as const;

/** What the handlers of all workers of a test were given, in the order they were given it. */
export class Record {
  private constructor(
    private readonly path: string,
    private readonly handlers: string,
  ) {}

  static async create(form: keyof typeof HANDLERS, scratch: Scratch): Promise<Record> {
    const file = HANDLERS[form];
    const path = join(await scratch.folder(), 'record');
    return new Record(path, inWorkspace('apps/pipeline-e2e/src/testdata', file));
  }

  /** Makes a worker record. */
  get variables() {
    return { WORKER_HANDLERS: this.handlers, RECORD_FILE: this.path };
  }

  /** Event ids in the order of their handling; an id handled twice appears twice. */
  get eventIds(): string[] {
    return this.lines.map(([, eventId = '']) => eventId);
  }

  /** How many events each process handled. */
  get perProcess(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const [pid = ''] of this.lines) counts.set(pid, (counts.get(pid) ?? 0) + 1);
    return counts;
  }

  private get lines(): string[][] {
    if (!existsSync(this.path)) return [];
    const complete = readFileSync(this.path, 'utf8').split('\n').slice(0, -1);
    return complete.map((line) => line.split(' '));
  }
}
