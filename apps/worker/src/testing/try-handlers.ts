import { Consumer, DEFAULT_HANDLER, type HandlersByType } from '@event-pipeline/consumer';
import { InMemoryQueue } from '@event-pipeline/queue/testing';
import { decodeStoredEvent, type StoredEvent } from '@event-pipeline/contracts';
import { PipelineError, messageOf, systemClock, systemRandom } from '@event-pipeline/runtime';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import { loadHandlers } from '../handlers/load-handlers';

/** What became of the events, as one line of JSON on standard output. */
export interface HandlersTried {
  readonly types?: readonly string[];
  readonly processed?: number;
  readonly retried?: number;
  readonly dead?: readonly {
    readonly body: string;
    readonly reason: string;
    readonly error: string;
  }[];
  readonly lines?: readonly { readonly msg: string; readonly [field: string]: unknown }[];
  readonly error?: { readonly code: string; readonly message: string };
}

/**
 * A program: loads a module of handlers as the worker does, and takes events through them until
 * none is left. Bundled like the worker and run by plain node, since a module that is loaded at run
 * time meets another loader inside a test.
 */
async function tryHandlers(path: string, bodies: readonly string[]): Promise<HandlersTried> {
  let handlers: HandlersByType<StoredEvent>;
  try {
    handlers = await loadHandlers(path);
  } catch (error) {
    const code = error instanceof PipelineError ? error.code : 'not a PipelineError';
    return { error: { code, message: messageOf(error) } };
  }
  const queue = new InMemoryQueue(systemClock);
  await queue.enqueue(0, [{ id: 'a', digest: '', answer: '', rememberMs: 1, bodies }]);
  const sink = createLogSink('debug');
  const consumer = new Consumer<StoredEvent>({
    queue,
    codec: {
      decode: decodeStoredEvent,
      typeOf: ({ type }) => type,
      idOf: ({ eventId }) => eventId,
    },
    handlers: handlers.has(DEFAULT_HANDLER)
      ? handlers
      : new Map([...handlers, [DEFAULT_HANDLER, () => undefined]]),
    clock: systemClock,
    random: systemRandom,
    logger: sink.logger,
    concurrency: 1,
    batchSize: 100,
    batchBytes: 1_000_000,
    leaseMs: 30_000,
    handlerTimeoutMs: 60_000,
  });
  await consumer.start();
  for (;;) {
    const { enqueued, processed, dead } = await queue.stats(0);
    if (processed + dead === enqueued) break;
    await systemClock.sleep(5);
  }
  await consumer.stop(AbortSignal.timeout(1_000));
  const { processed, retried } = await queue.stats(0);
  return {
    types: [...handlers.keys()],
    processed,
    retried,
    dead: queue.deadLettersIn().map(({ body, reason, error }) => ({ body, reason, error })),
    lines: sink.lines,
  };
}

const [path = '', bodies = '[]'] = process.argv.slice(2);
void tryHandlers(path, JSON.parse(bodies) as string[]).then((tried) => {
  process.stdout.write(`${JSON.stringify(tried)}\n`);
});
