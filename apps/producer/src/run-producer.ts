import type { Readable } from 'node:stream';
import { SignalWatch, grouped } from '@event-pipeline/command-line';
import type { TokenSource } from '@event-pipeline/publisher';
import {
  EXIT,
  PipelineError,
  loadConfig,
  messageOf,
  systemRandom,
  type ProgramHost,
} from '@event-pipeline/runtime';
import { collectorToken } from './collector-token';
import { collectorTransport, type CollectorTransport } from './collector-transport';
import type { EventSource } from './event-source';
import { openEvents } from './open-events';
import { helpText } from './option-table';
import { produce } from './produce';
import { producerConfig } from './producer-config';
import { parseOptions, type ProducerOptions } from './producer-options';
import { createProgress, type ProgressOutput } from './progress';
import { createReport, formatReport } from './report';
import { Tally } from './tally';

export interface ProducerStreams {
  /** Opened only where --file - asks for it. */
  readonly stdin: () => Readable;
  /** Shows the progress bar, where it is a terminal. */
  readonly stderr: ProgressOutput;
}

/** Bad lines named one by one; the rest are only counted. */
const SHOWN_BAD_LINES = 100;

/**
 * The whole command, from its arguments to its exit code: 0 when every event was acknowledged, 1
 * when not, 2 for wrong usage, 128 + the signal's number when one ended it.
 */
export async function runProducer(host: ProgramHost, streams: ProducerStreams): Promise<void> {
  host.exit(await command(host, streams));
}

async function command(host: ProgramHost, streams: ProducerStreams): Promise<number> {
  const signals = new SignalWatch(host, 'producer');
  try {
    const config = loadConfig(producerConfig, host.env);
    const options = parseOptions(host.args, config.collectorAddress);
    if (options === 'help') {
      await host.write('stdout', helpText(host.command));
      return EXIT.ok;
    }
    const transport = collectorTransport(config, host.clock);
    const token = collectorToken(config, host);
    return await sendEvents(options, { transport, token }, host, streams, signals);
  } catch (error) {
    if (!(error instanceof PipelineError) || error.code !== 'CONFIG_INVALID') throw error;
    const problems = messageOf(error).split('\n');
    const lines = [...problems, 'Run with --help to see every option.'];
    await host.write('stderr', lines.map((line) => `producer: ${line}\n`).join(''));
    return EXIT.configInvalid;
  }
}

async function sendEvents(
  options: ProducerOptions,
  { transport, token }: { transport: CollectorTransport; token: TokenSource | undefined },
  host: ProgramHost,
  { stdin, stderr }: ProducerStreams,
  signals: SignalWatch,
): Promise<number> {
  const { clock } = host;
  // A reader of messages that went away is no reason to stop sending.
  stderr.on('error', () => undefined);
  const tally = new Tally();
  const progress = createProgress(stderr, tally, clock);
  let badLines = 0;
  let readError: string | undefined;
  const source = await openEvents(options.events, stdin, {
    clock,
    random: systemRandom,
    onBadLine: (line, reason) => {
      badLines += 1;
      if (badLines <= SHOWN_BAD_LINES) progress.notice(`producer: line ${line}: ${reason}`);
      if (badLines === SHOWN_BAD_LINES) {
        progress.notice('producer: further bad lines are counted, not named');
      }
    },
    onReadError: (reason) => {
      readError = reason;
      progress.notice(`producer: reading the events broke off: ${reason}`);
    },
  });
  try {
    const outcome = await produce(options, source, {
      clock,
      random: systemRandom,
      tally,
      token,
      transport,
      notice: (text) => progress.notice(`producer: ${text}`),
      onConnected: async () => {
        if (!options.json) await host.write('stdout', openingLine(options, source));
        progress.start(source.total);
      },
      interrupt: signals.first,
      abandon: signals.second,
    });
    await progress.stop();
    if (outcome.early !== undefined) progress.notice(`producer: ${outcome.early.reason}`);
    const report = createReport({
      options,
      outcome,
      tally,
      total: source.total,
      badLines,
      readError,
    });
    if (options.json) {
      await host.write('stdout', `${JSON.stringify(report)}\n`);
    } else if (outcome.early?.why !== 'unreachable') {
      const positionName = options.events.from === 'file' ? 'line' : 'event';
      await host.write('stdout', formatReport(report, positionName));
    }
    if (outcome.early?.why === 'interrupted') return signals.exitCode;
    return report.ok ? EXIT.ok : EXIT.failed;
  } finally {
    await progress.stop();
    source.close();
  }
}

function openingLine({ events, collector }: ProducerOptions, source: EventSource): string {
  const what = source.total === undefined ? 'events' : `${grouped(source.total)} events`;
  const from = events.from === 'file' && events.path !== '-' ? ` from ${events.path}` : '';
  return `Starting to stream ${what}${from} to ${collector}...\n`;
}
