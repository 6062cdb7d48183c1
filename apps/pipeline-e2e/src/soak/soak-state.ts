import type { Violation } from '../harness/invariants';
import type { SoakReport } from './soak-report';

/** What a soak has seen so far. */
export class SoakState {
  readonly recoveries = new Map<string, number[]>();
  readonly violations: Violation[] = [];
  readonly surprises: string[] = [];
  checks = 0;
  injected = 0;

  note(kind: string, recoveryMs: number): void {
    this.injected += 1;
    const times = this.recoveries.get(kind);
    if (times === undefined) this.recoveries.set(kind, [recoveryMs]);
    else times.push(recoveryMs);
  }

  /** What was broken before an interruption stays broken. */
  verdict(isInterrupted: boolean): SoakReport['verdict'] {
    if (this.isBroken) return 'broken';
    return isInterrupted ? 'interrupted' : 'held';
  }

  get isBroken(): boolean {
    return this.violations.length > 0 || this.surprises.length > 0;
  }
}
