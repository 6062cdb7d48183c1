import { PipelineError } from '@event-pipeline/runtime';
import { DEAD_REASONS, type ReclaimLimits, type SettleException } from '../queue';

/** Far beyond any sensible delay or lease, and still a number that a key can hold exactly. */
const LONGEST_MS = 10 * 365 * 24 * 3_600_000;

export function checkOutcomes(exceptions: readonly SettleException[]): void {
  for (const exception of exceptions) {
    switch (exception.outcome) {
      case 'release':
        break;
      case 'retry':
      case 'defer':
        if (!(exception.delayMs <= LONGEST_MS)) refuse(`delayMs ${exception.delayMs}`);
        break;
      case 'dead':
        if (!DEAD_REASONS.includes(exception.reason)) refuse(`reason ${exception.reason}`);
        break;
      default:
        refuse(`outcome ${String((exception as { outcome: unknown }).outcome)}`);
    }
  }
}

export function checkLeaseMs(leaseMs: number): void {
  if (!(leaseMs >= 0 && leaseMs <= LONGEST_MS)) refuse(`leaseMs ${leaseMs}`);
}

export function checkReclaim({ maxLeases, maxCrashes }: ReclaimLimits): void {
  if (!Number.isInteger(maxLeases) || maxLeases < 1) refuse(`maxLeases ${maxLeases}`);
  if (!Number.isInteger(maxCrashes) || maxCrashes < 1) refuse(`maxCrashes ${maxCrashes}`);
}

function refuse(what: string): never {
  throw new PipelineError('INVALID_ARGUMENT', what);
}
