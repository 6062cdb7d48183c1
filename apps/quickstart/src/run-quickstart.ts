import { join } from 'node:path';
import type { Clock } from '@event-pipeline/runtime';
import { chooseAddresses } from './addresses';
import { loadCheckedConfig } from './checked-config';
import { type DataFolder, openDataFolder } from './data-folder';
import type { Display } from './display';
import { followQueue, readFigures } from './follow-queue';
import { PipelinePrograms, ProgramFailure, isKnown } from './pipeline-programs';
import { type Place, placeOf } from './place';
import { type QuickstartConfig, queueUrlFor, storeUrlFor } from './quickstart-config';
import { QUICKSTART_HELP, type QuickstartOptions, parseOptions } from './quickstart-options';
import {
  type RunResult,
  backlogText,
  fateOfSent,
  grouped,
  isComplete,
  listeningText,
  shortfallText,
  stoppedText,
  summaryText,
  tryNextText,
  waitingText,
} from './report';
import { runProducer } from './run-producer';
import type { QueueFigures } from './queue-figures';

export interface QuickstartHost {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** The folder of the built programs. */
  readonly programs: string;
  readonly clock: Clock;
  readonly display: Display;
  readonly complain: (line: string) => void;
  /** Aborts when everything is to end in order. */
  readonly stop: AbortSignal;
  /** Aborts when everything is to end at once. */
  readonly force: AbortSignal;
}

/** In the current folder, which `npm start` makes the workspace. */
const DATA_FOLDER = '.data';

/** The whole of `npm start`, from its arguments to its exit code. */
export async function runQuickstart(host: QuickstartHost): Promise<number> {
  try {
    const options = parseOptions(host.args);
    if (options.help) {
      host.display.say(QUICKSTART_HELP.trimEnd());
      return 0;
    }
    const config = await loadCheckedConfig(host, host.stop);
    if (options.checkConfig) {
      host.display.say('The configuration is valid.');
      return 0;
    }
    if (host.stop.aborted) return stoppedCode(options);
    const folder = openDataFolder(DATA_FOLDER);
    try {
      return await runInFolder(host, options, config, folder);
    } finally {
      folder.release();
    }
  } catch (error) {
    if (!isKnown(error)) throw error;
    host.display.endProgress();
    host.complain(error.message);
    return error instanceof ProgramFailure ? error.exitCode : 2;
  }
}

async function runInFolder(
  host: QuickstartHost,
  options: QuickstartOptions,
  config: QuickstartConfig,
  folder: DataFolder,
): Promise<number> {
  const { env, clock, display, stop } = host;
  const addresses = await chooseAddresses(config);
  const queueUrl = queueUrlFor(config, folder.path);
  const place = placeOf(config, folder, addresses);
  display.say(`Starting collector and worker. Queue: ${place.queue}`);
  const programs = new PipelinePrograms({
    programs: host.programs,
    env,
    queueUrl,
    storeUrl: storeUrlFor(config, folder.path),
    addresses,
    folder,
    clock,
    say: (text) => display.say(text),
  });
  const over = new AbortController();
  const running = runUntilStopped(
    { ...host, stop: AbortSignal.any([stop, over.signal]) },
    options,
    programs,
    place,
  );
  try {
    return await Promise.race([running, programs.failure]);
  } catch (error) {
    // What fails because it was told to stop is no failure.
    if (stop.aborted && error instanceof ProgramFailure) return stoppedCode(options);
    throw error;
  } finally {
    over.abort();
    await running.catch(() => undefined);
    display.endProgress();
    if (stop.aborted) display.say('\nStopping …');
    await programs.stop(host.force);
    if (stop.aborted) display.say('Stopped.');
  }
}

async function runUntilStopped(
  host: QuickstartHost,
  options: QuickstartOptions,
  programs: PipelinePrograms,
  place: Place,
): Promise<number> {
  const { display, stop } = host;
  await programs.untilReady(stop);
  const result = stop.aborted ? undefined : await sendAndFollow(host, options.count, place);
  if (result === undefined || stop.aborted) return stoppedCode(options);
  display.say(`\n${summaryText(result)}\n`);
  const complete = isComplete(result);
  if (!complete) display.say(shortfallText(result, place));
  if (options.once) return complete ? 0 : 1;
  display.say(`${listeningText(place)}\n\n${tryNextText(place)}\n`);
  await aborted(stop);
  return 0;
}

/** Whoever waits for a result has none; whoever looked on has seen enough. */
function stoppedCode({ once }: QuickstartOptions): number {
  return once ? 1 : 0;
}

/** Undefined when it was stopped before there were figures. */
async function sendAndFollow(
  host: QuickstartHost,
  count: number,
  place: Place,
): Promise<RunResult | undefined> {
  const { clock, display, stop } = host;
  const url = `http://${place.addresses.workerHttp}/metrics`;
  const follow = { url, clock, signal: stop };

  const onWaiting = (figures: QueueFigures) => display.say(waitingText(figures));
  let before: QueueFigures | undefined;
  const sentFrom = await followQueue(({ left, delayed }) => left === delayed, {
    ...follow,
    onWaiting,
    onFigures: (figures) => {
      if (before === undefined) {
        before = figures;
        const text = backlogText(figures);
        if (text !== undefined) display.say(text);
      }
      const backlog = before.left - before.delayed;
      const left = Math.min(backlog, figures.left - figures.delayed);
      if (backlog > 0) display.showProgress(backlog - left, backlog, 'taken');
    },
  });
  display.endProgress();
  if (stop.aborted) return undefined;
  if (before === undefined || sentFrom === undefined) {
    throw new ProgramFailure(`The worker shows no figures of the queue at ${url}`, 1);
  }

  const began = before;
  display.say(`Sending ${grouped(count)} events`);
  const producer = await runProducer(
    {
      script: join(host.programs, 'producer', 'main.js'),
      env: host.env,
      collector: String(place.addresses.grpc),
      count,
    },
    stop,
  );
  const acknowledgedAt = clock.monotonic();
  const { acknowledged } = producer;
  const settled = (after: QueueFigures) => {
    const { processed, dead } = fateOfSent({ before: began, after });
    return processed + dead;
  };
  let full = false;
  const after = await followQueue(
    (figures) => {
      // Twice: the counts of the queue may be a lease ahead of those of the worker.
      const isDone = full && settled(figures) >= acknowledged;
      full = settled(figures) >= acknowledged;
      return isDone || acknowledged === 0;
    },
    {
      ...follow,
      onWaiting,
      onFigures: (figures) => display.showProgress(settled(figures), acknowledged, 'settled'),
    },
  );
  display.endProgress();
  if (stop.aborted || after === undefined) {
    const last = (await readFigures(url)) ?? after;
    if (last !== undefined) display.say(stoppedText(producer, fateOfSent({ before, after: last })));
    return undefined;
  }
  // Its last acknowledgement came a moment before the producer ended: the rate is, if anything, low.
  const seconds = producer.seconds + (clock.monotonic() - acknowledgedAt) / 1_000;
  return { wanted: count, producer, before, sentFrom, after, seconds, stores: place.store.exists };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
