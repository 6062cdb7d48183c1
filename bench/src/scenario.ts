import type { Scratch } from '@event-pipeline/runtime/testing';
import type { Tool } from './tools';

export type Unit = 'events/s' | 'ms' | 'MiB' | '%';

export interface Figure {
  readonly title: string;
  readonly unit: Unit;
}

/** What a run measured, by the names of {@link Subject.figures}; and a course over time, where it has one. */
export interface Measured {
  readonly values: Readonly<Record<string, number>>;
  readonly series?: readonly (readonly [seconds: number, value: number])[];
}

/** One side of a comparison. */
export interface Subject {
  readonly name: string;
  readonly figures: Readonly<Record<string, Figure>>;
  readonly needs?: readonly Tool[];
  /** Starts everything anew, warms it up, measures. @throws RefusedRun where the run does not count */
  run(scratch: Scratch): Promise<Measured>;
}

/** The figure `of`, divided by the figure `over` of the same round where there is one. */
export interface Comparison {
  readonly name: string;
  /** `SUBJECT.FIGURE` */
  readonly of: string;
  readonly over?: string;
  readonly goal: { readonly atLeast: number } | { readonly atMost: number };
}

export interface PreparedScenario {
  /** What a reader must know to repeat it. */
  readonly conditions: readonly string[];
  readonly subjects: readonly Subject[];
  readonly comparisons: readonly Comparison[];
}

export interface ScenarioContext {
  /** Lives as long as the scenario; a run gets one of its own. */
  readonly scratch: Scratch;
  /** This share of a number of events or of seconds, and not below the least that can be timed. */
  scaled(full: number, least: number): number;
  tell(line: string): void;
}

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly needs: readonly Tool[];
  /** Where one run is so long that it is made once. */
  readonly rounds?: number;
  prepare(context: ScenarioContext): Promise<PreparedScenario>;
}

/** A run that went wrong: it must not be counted, whatever its figures. */
export class RefusedRun extends Error {
  override readonly name = 'RefusedRun';
}

/** Refuses the run where two counts of the same events differ. */
export function insistOn(what: string, found: number, expected: number): void {
  if (found !== expected) throw new RefusedRun(`${what}: ${found}, expected ${expected}`);
}
