import { parseArgs } from 'node:util';
import { PipelineError, shownValue } from '@event-pipeline/runtime';

export interface QuickstartOptions {
  /** How many events are sent. */
  readonly count: number;
  /** True to end after the summary. */
  readonly once: boolean;
  /** True to judge the configuration of all programs and start none. */
  readonly checkConfig: boolean;
  readonly help: boolean;
}

const DEFAULT_COUNT = 10_000;
const MAX_COUNT = 1_000_000_000;

export const QUICKSTART_HELP = `Starts collector and worker, sends events through them and shows what became of them.

Usage: npm start -- [--once] [--count N] [--check-config]

  --once          end after the summary; exit code 0 only if every event was processed
  --count N       how many events are sent; default ${DEFAULT_COUNT}
  --check-config  judge the variables of all programs and start none: exit code 0 or 2
  --help          this text

The queue is embedded, in .data/queue, unless QUEUE_URL or REDIS_HOST is set. Processed
events are in the SQLite file .data/store/events.db, unless STORE_URL is set. Logs are in
.data/logs. Every other variable of collector and worker is passed on:
node dist/apps/worker/main.js --help lists the worker's.
`;

/** @throws PipelineError CONFIG_INVALID for arguments it does not know. */
export function parseOptions(args: readonly string[]): QuickstartOptions {
  const { count, once, help, 'check-config': checkConfig } = parseStrictly(args);
  return {
    count: count === undefined ? DEFAULT_COUNT : parseCount(count),
    once,
    checkConfig,
    help,
  };
}

function parseStrictly(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        count: { type: 'string' },
        once: { type: 'boolean', default: false },
        'check-config': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    return values;
  } catch (error) {
    // Its first sentence says what is wrong, the rest how a shell may be told otherwise.
    const [problem = ''] = (error as Error).message.split(/\. |\n/);
    const hint = 'npm start -- --help lists what there is';
    throw new PipelineError('CONFIG_INVALID', `${problem}; ${hint}`, { cause: error });
  }
}

function parseCount(text: string): number {
  const count = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= MAX_COUNT) return count;
  const expected = `a whole number from 1 to ${MAX_COUNT}`;
  throw new PipelineError('CONFIG_INVALID', `--count is ${shownValue(text)}; expected ${expected}`);
}
