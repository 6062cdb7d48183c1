import { grouped } from '@event-pipeline/command-line';
import { escapeUnprintable } from '@event-pipeline/runtime';
import type { EarlyEnd, RunOutcome } from './produce';
import type { ProducerOptions } from './producer-options';
import type { SendMode } from './send-mode';
import { SEND_MODES } from './send-modes';
import type { ReportedRejection, Tally } from './tally';

/** The result of a run: what --json prints. Member names are stable. */
export interface Report {
  /** True when every event was acknowledged. The exit code is 0 then, and only then. */
  readonly ok: boolean;
  /** Why the run ended before its events did; null where it did not. */
  readonly early: EarlyEnd | null;
  readonly collector: string;
  readonly mode: ProducerOptions['mode'];
  readonly connections: number;
  /** Null where the input does not tell how many events there are. */
  readonly total: number | null;
  readonly sent: number;
  readonly acknowledged: number;
  readonly rejected: number;
  /** Given up, not in the queue. */
  readonly failed: number;
  /** Given up without an answer: may or may not be in the queue. */
  readonly unknown: number;
  /** How often an event was sent again. */
  readonly resent: number;
  readonly badLines: number;
  readonly seconds: number;
  /** Acknowledged events per second. */
  readonly eventsPerSecond: number;
  readonly acknowledgementLatency: {
    /** What one sample is. */
    readonly unit: SendMode['unit'];
    readonly samples: number;
    readonly p50Ms: number | null;
    readonly p99Ms: number | null;
  };
  /** The first of them in full. */
  readonly rejections: readonly ReportedRejection[];
  /** All answers taken together; null where there was none or the run ended early. */
  readonly serverResponse: { readonly success: boolean } | null;
}

export interface ReportInput {
  readonly options: ProducerOptions;
  readonly outcome: RunOutcome;
  readonly tally: Tally;
  readonly total: number | undefined;
  readonly badLines: number;
  /** Why the input could not be read to its end. */
  readonly readError: string | undefined;
}

export function createReport(input: ReportInput): Report {
  const { options, outcome, tally, total, badLines, readError } = input;
  const { sent, acknowledged, rejected, failed, unknown, resent, latency } = tally;
  const seconds = round(outcome.seconds);
  const complete = outcome.early === undefined && badLines === 0 && readError === undefined;
  return {
    ok: complete && acknowledged === (total ?? sent),
    early: outcome.early ?? null,
    collector: options.collector,
    mode: options.mode,
    connections: options.connections,
    total: total ?? null,
    sent,
    acknowledged,
    rejected,
    failed,
    unknown,
    resent,
    badLines,
    seconds,
    eventsPerSecond: outcome.seconds > 0 ? Math.round(acknowledged / outcome.seconds) : 0,
    acknowledgementLatency: {
      unit: SEND_MODES[options.mode].unit,
      samples: latency.samples,
      p50Ms: roundOrNull(latency.quantile(0.5)),
      p99Ms: roundOrNull(latency.quantile(0.99)),
    },
    rejections: tally.rejections,
    serverResponse:
      tally.answered && outcome.early === undefined
        ? { success: tally.success && acknowledged === sent }
        : null,
  };
}

/** Rejections named to a person; --json names more. */
const SHOWN_REJECTIONS = 10;

/** The report for people. */
export function formatReport(report: Report, positionName: 'line' | 'event'): string {
  const { serverResponse } = report;
  const lines: string[] = [];
  if (serverResponse !== null) {
    const answer = `{ success: ${String(serverResponse.success)} }`;
    lines.push(`Finished streaming events. Server response: ${answer}`);
  }
  const counts = Object.entries(countsOf(report)).filter(([, count]) => count !== undefined);
  lines.push(
    ...counts.map(([name, count]) => `  ${name.padEnd(20)} ${(count ?? '').padStart(13)}`),
  );
  lines.push(latencyLine(report));
  lines.push(...rejectionLines(report, positionName));
  return `${lines.join('\n')}\n`;
}

function countsOf(report: Report): Record<string, string | undefined> {
  const { total, sent, failed, unknown, resent, badLines } = report;
  const whereAny = (count: number) => (count > 0 ? grouped(count) : undefined);
  return {
    sent: grouped(sent),
    acknowledged: grouped(report.acknowledged),
    rejected: grouped(report.rejected),
    'failed, not stored': whereAny(failed),
    'without an answer': whereAny(unknown),
    'sent again': whereAny(resent),
    'not sent': total === null ? undefined : whereAny(total - sent),
    'bad lines': whereAny(badLines),
    seconds: report.seconds.toFixed(2),
    'events/s': grouped(report.eventsPerSecond),
  };
}

function latencyLine({ mode, acknowledgementLatency }: Report): string {
  const { samples, p50Ms, p99Ms, unit } = acknowledgementLatency;
  const label = `acknowledgement latency (${SEND_MODES[mode].latency})`;
  if (p50Ms === null || p99Ms === null) return `  ${label}: nothing was answered`;
  const units = unit === 'batch' ? 'batches' : `${unit}s`;
  const of = `${grouped(samples)} ${samples === 1 ? unit : units}`;
  return `  ${label}, ${of}: p50 ${shownMs(p50Ms)}, p99 ${shownMs(p99Ms)}`;
}

/** No more digits than the histogram knows. */
function shownMs(ms: number): string {
  return `${ms >= 100 ? grouped(Math.round(ms)) : ms.toPrecision(3)} ms`;
}

function rejectionLines({ rejections, rejected }: Report, positionName: string): string[] {
  if (rejected === 0) return [];
  const shown = rejections.slice(0, SHOWN_REJECTIONS);
  return [
    `  rejected${rejected > shown.length ? `, the first ${shown.length}` : ''}:`,
    ...shown.map(({ position, eventId, code, message }) => {
      const where = position === undefined ? positionName : `${positionName} ${grouped(position)}`;
      return escapeUnprintable(`    ${where}, id "${eventId}": ${code}: ${message}`);
    }),
  ];
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

function roundOrNull(value: number | undefined): number | null {
  return value === undefined ? null : round(value);
}
