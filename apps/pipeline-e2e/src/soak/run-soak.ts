import { systemClock, type Random } from '@event-pipeline/runtime';
import { SeededRandom } from '@event-pipeline/runtime/testing';
import { untilItWorks } from '../harness/kill-loop';
import { ALL_WAYS, Load } from '../harness/load/load';
import { Pipeline } from '../harness/pipeline';
import type { Scratch } from '../harness/scratch';
import { soakFaults, type SoakFault } from './soak-faults';
import type { SoakOptions } from './soak-options';
import { figuresOf, type SoakReport } from './soak-report';
import { SoakState } from './soak-state';

const MINUTE_MS = 60_000;
/** Most events of a run: what they leave on the disk and in memory stays small. */
const MAX_EVENTS = 400_000;
const CHECK_EVERY_MS = 2 * MINUTE_MS;
const TELL_EVERY_MS = 10_000;
/** How often two faults come at once. */
const SHARE_OF_PAIRS = 0.25;

/**
 * Runs a pipeline under load for as long as asked while its parts fail at random, alone and two at
 * once. In between, and at the end, it lets the load come to rest and holds everything that was
 * answered against everything that is found.
 */
export async function runSoak(
  options: SoakOptions,
  scratch: Scratch,
  stop: AbortSignal,
  tell: (line: string) => void,
): Promise<SoakReport> {
  const { engine, store, seed, minutes, eventsPerSecond } = options;
  const startedAt = new Date(systemClock.now()).toISOString();
  const pipeline = await Pipeline.start(
    { engine, store, proxied: true, supervised: true, handlerMs: 30 },
    scratch,
  );
  const load = new Load(
    {
      address: pipeline.address,
      seed,
      ways: ALL_WAYS,
      batchEvents: 10,
      eventsPerSecond,
      maxEvents: Math.min(MAX_EVENTS, Math.ceil(minutes * 60 * eventsPerSecond * 1.1)),
      impatience: 0.05,
    },
    scratch,
  );
  load.start();
  const state = new SoakState();
  // What ends from then on may be what the end of the soak has ended.
  let surprisesBeforeStop: readonly string[] | undefined;
  stop.addEventListener('abort', () => (surprisesBeforeStop = [...pipeline.surprises]));
  const endsAt = systemClock.monotonic() + minutes * MINUTE_MS;
  const telling = tellNowAndThen({ pipeline, load, state, endsAt, tell });
  try {
    await breakThings({ pipeline, load, state, endsAt, stop, options });
    if (!stop.aborted && !state.isBroken) await check(pipeline, load, state);
  } catch (error) {
    if (!stop.aborted)
      state.surprises.push(error instanceof Error ? describe(error) : String(error));
  } finally {
    clearInterval(telling);
  }
  state.surprises.push(...(surprisesBeforeStop ?? pipeline.surprises));
  return {
    startedAt,
    minutes,
    seed,
    engine,
    store,
    node: process.version.slice(1),
    verdict: state.verdict(stop.aborted),
    ...knownFindings(load, state),
    ...(await figuresAtEnd(pipeline).catch((error: unknown) => {
      if (!stop.aborted) throw error;
      // Ctrl-C reaches the servers, too.
      return { stored: null, dead: null, duplicateDeliveries: null, queue: null };
    })),
  };
}

interface Run {
  readonly pipeline: Pipeline;
  readonly load: Load;
  readonly state: SoakState;
  /** On the monotonic clock. */
  readonly endsAt: number;
}

async function breakThings(
  run: Run & { readonly stop: AbortSignal; readonly options: SoakOptions },
): Promise<void> {
  const { pipeline, load, state, endsAt, stop, options } = run;
  const random = new SeededRandom(options.seed);
  const faults = soakFaults(pipeline, options.engine);
  let checkAt = systemClock.monotonic() + CHECK_EVERY_MS;
  await untilItWorks(pipeline, load);
  while (systemClock.monotonic() < endsAt && !stop.aborted) {
    await systemClock.sleep(200 + random.next() * 1_500, stop);
    if (stop.aborted) return;
    const chosen = chooseFaults(faults, random);
    // Each has chance of its own, so that the order in which two end decides nothing.
    const chances = chosen.map(() => new SeededRandom(Math.floor(random.next() * 2 ** 32)));
    await Promise.all(chosen.map((fault, i) => fault.inject(chances[i] ?? random)));
    const overAt = systemClock.monotonic();
    await untilItWorks(pipeline, load);
    for (const { kind } of chosen) state.note(kind, systemClock.monotonic() - overAt);
    if (systemClock.monotonic() > checkAt) {
      await check(pipeline, load, state);
      if (state.isBroken) return;
      load.start();
      checkAt = systemClock.monotonic() + CHECK_EVERY_MS;
    }
  }
}

function chooseFaults(faults: readonly SoakFault[], random: Random): readonly SoakFault[] {
  const one = faults[Math.floor(random.next() * faults.length)];
  if (one === undefined) throw new Error('there is no fault to inject');
  if (random.next() >= SHARE_OF_PAIRS) return [one];
  const others = faults.filter(({ target }) => target !== one.target);
  const other = others[Math.floor(random.next() * others.length)];
  return other === undefined ? [one] : [one, other];
}

/** Single events are sent again without an id, so the queue may hold those twice. */
async function check(pipeline: Pipeline, load: Load, state: SoakState): Promise<void> {
  const violations = await pipeline.violations(load, { queuedOnce: false, noneDead: false });
  state.checks += 1;
  state.violations.push(...violations);
}

async function figuresAtEnd(pipeline: Pipeline) {
  const deliveries = await pipeline.deliveries.all();
  const delivered = new Set(deliveries.map(({ eventId }) => eventId));
  const stored = await pipeline.end.found();
  const queue = await pipeline.stats();
  return {
    stored: new Set(stored.map(({ eventId }) => eventId)).size,
    dead: queue.dead,
    duplicateDeliveries: deliveries.length - delivered.size,
    queue,
  };
}

function knownFindings(load: Load, state: SoakState) {
  const faults = [...state.recoveries].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    faults: Object.fromEntries(faults.map(([kind, times]) => [kind, figuresOf(times)])),
    checks: state.checks,
    ledger: load.ledger.counts,
    failedCalls: byStatus(load.failures),
    resent: load.ledger.resent,
    resentWithoutId: load.ledger.resentWithoutId,
    violations: state.violations,
    surprises: state.surprises,
  };
}

/** Texts name ports and batches; the status before the colon says enough. */
function byStatus(failures: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const [text, count] of failures) {
    const [status = ''] = text.split(':');
    counts[status] = (counts[status] ?? 0) + count;
  }
  return counts;
}

function tellNowAndThen(run: Run & { readonly tell: (line: string) => void }): NodeJS.Timeout {
  return setInterval(() => {
    const { load, state, endsAt, tell } = run;
    const left = Math.max(0, Math.round((endsAt - systemClock.monotonic()) / 1_000));
    const { sent, open, acknowledged, refused, unknown } = load.ledger.counts;
    tell(
      `${left} s left, ${state.injected} faults, ${state.checks} checks; events: ${sent} sent, ` +
        `${acknowledged} acknowledged, ${refused} refused, ${unknown} unknown, ${open} on their way`,
    );
  }, TELL_EVERY_MS);
}

function describe(error: Error): string {
  return error.cause === undefined ? error.message : `${error.message} (${String(error.cause)})`;
}
