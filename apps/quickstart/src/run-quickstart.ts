import { join } from 'node:path';
import { type Clock, loadConfig, maskCredentials } from '@event-pipeline/runtime';
import { chooseAddresses } from './addresses';
import { type DataFolder, openDataFolder } from './data-folder';
import type { Display } from './display';
import { followQueue } from './follow-queue';
import { PipelinePrograms, ProgramFailure, isKnown } from './pipeline-programs';
import {
  type QuickstartConfig,
  queueUrlFor,
  quickstartConfig,
  storeUrlFor,
} from './quickstart-config';
import { QUICKSTART_HELP, type QuickstartOptions, parseOptions } from './quickstart-options';
import {
  type Place,
  type PlaceOfStore,
  type RunResult,
  grouped,
  isComplete,
  listeningText,
  processedIn,
  summaryText,
  tryNextText,
} from './report';
import { runProducer } from './run-producer';

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
const NO_STORE = 'none';

/** The whole of `npm start`, from its arguments to its exit code. */
export async function runQuickstart(host: QuickstartHost): Promise<number> {
  try {
    const options = parseOptions(host.args);
    if (options.help) {
      host.display.say(QUICKSTART_HELP.trimEnd());
      return 0;
    }
    const config = loadConfig(quickstartConfig, host.env);
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
  const place: Place = {
    addresses,
    queue: queueInWords(config, folder),
    store: storeInWords(storeUrlFor(config, folder.path), config, folder),
    logs: folder.logs,
  };
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
  if (!complete) display.say(shortfall(result, place));
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

  let backlog = 0;
  const before = await followQueue(({ left, delayed }) => left === delayed, {
    ...follow,
    onFigures: ({ left }) => {
      if (backlog === 0 && left > 0) {
        display.say(`${grouped(left)} events from before are in the queue: they go first.`);
      }
      backlog = Math.max(backlog, left);
      if (backlog > 0) display.showProgress(backlog - left, backlog, 'processed');
    },
  });
  display.endProgress();
  if (stop.aborted) return undefined;
  if (before === undefined) {
    throw new ProgramFailure(`The worker shows no figures of the queue at ${url}`, 1);
  }

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
  const after = await followQueue(
    ({ processed, dead }) => processed + dead - before.processed - before.dead >= acknowledged,
    {
      ...follow,
      onFigures: ({ processed }) =>
        display.showProgress(processed - before.processed, acknowledged, 'processed'),
    },
  );
  display.endProgress();
  if (after === undefined) return undefined;
  // Its last acknowledgement came a moment before the producer ended: the rate is, if anything, low.
  const seconds = producer.seconds + (clock.monotonic() - acknowledgedAt) / 1_000;
  const stores = place.store.text !== NO_STORE;
  return { wanted: count, producer, before, after, seconds, stores };
}

function queueInWords(config: QuickstartConfig, folder: DataFolder): string {
  const { queueUrl, redisHost, redisPort } = config;
  if (queueUrl !== undefined) return maskCredentials(queueUrl);
  if (redisHost !== undefined) return `Redis at ${redisHost}:${redisPort}`;
  return `embedded, in ${join(folder.path, 'queue')}`;
}

function storeInWords(
  storeUrl: string,
  config: QuickstartConfig,
  folder: DataFolder,
): PlaceOfStore {
  if (storeUrl.toLowerCase() === 'none') return { text: NO_STORE };
  if (!storeUrl.startsWith('embedded:')) return { text: maskCredentials(storeUrl) };
  const path =
    config.storeUrl === undefined
      ? join(folder.path, 'store')
      : config.storeUrl.replace(/^embedded:/, '');
  const file = join(path, 'events.db');
  const question = 'select type, count(*) from events group by type';
  return { text: `SQLite, in ${file}`, look: `sqlite3 -readonly ${file} '${question}'` };
}

/** Why a run is not complete, as far as the figures tell. */
function shortfall(result: RunResult, place: Place): string {
  const { wanted, producer, after, before } = result;
  const missing = wanted - processedIn(result);
  const parts = [`${grouped(missing)} of ${grouped(wanted)} events were not processed.`];
  if (producer.acknowledged < wanted) parts.push('Not all were acknowledged.');
  if (after.dead > before.dead) parts.push('Some became dead letters.');
  if (after.left > 0) parts.push('Some are still in the queue.');
  return `${parts.join(' ')} Logs: ${place.logs}\n`;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
