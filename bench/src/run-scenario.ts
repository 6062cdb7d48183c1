import { messageOf, systemClock } from '@event-pipeline/runtime';
import { Scratch } from '@event-pipeline/runtime/testing';
import type { Machine } from './machine';
import { describePlacement } from './placement';
import { compareFigures, type FigureResult, type ScenarioResult } from './result';
import type { Measured, PreparedScenario, Scenario, Subject } from './scenario';
import { summaryOf } from './statistics';
import { howToInstall, missingTool } from './tools';

export interface BenchRun {
  readonly rounds: number;
  readonly scale: number;
  readonly machine: Machine;
  readonly commit: string;
  /** Outlives every scenario; ends what was started where the run is interrupted. */
  readonly scratch: Scratch;
  readonly stop: AbortSignal;
  tell(line: string): void;
}

/** Runs every side once a round, in turns, the order reversed with each round. */
export async function runScenario(scenario: Scenario, run: BenchRun): Promise<ScenarioResult> {
  const { scale, machine, commit, tell } = run;
  const rounds = Math.min(run.rounds, scenario.rounds ?? Infinity);
  const takenAt = new Date(systemClock.now()).toISOString();
  const prepared = await prepare(scenario, run);
  try {
    const { present, skipped } = sort(prepared.subjects);
    for (const line of skipped) tell(`  skipped: ${line}`);
    const taken = new Map<Subject, Measured[]>(present.map((subject) => [subject, []]));
    for (let round = 1; round <= rounds; round += 1) {
      for (const subject of round % 2 === 1 ? present : present.toReversed()) {
        run.stop.throwIfAborted();
        const measured = await runOnce(subject, run.scratch);
        taken.get(subject)?.push(measured);
        tell(`  round ${round} of ${rounds}, ${subject.name}: ${shown(measured)}`);
      }
    }
    const figures = present.flatMap((subject) => figuresOf(subject, taken.get(subject) ?? []));
    return {
      format: 1,
      name: scenario.name,
      title: scenario.title,
      takenAt,
      commit,
      scale,
      rounds,
      machine,
      conditions: [...prepared.conditions, describePlacement()],
      figures,
      comparisons: prepared.comparisons.flatMap(
        (comparison) => compareFigures(comparison, figures) ?? [],
      ),
      series: present.flatMap((subject) => {
        const points = taken.get(subject)?.at(-1)?.series;
        return points ? [{ id: subject.name, points }] : [];
      }),
      skipped,
    };
  } finally {
    await prepared.scratch.clean();
  }
}

async function prepare(
  scenario: Scenario,
  run: BenchRun,
): Promise<PreparedScenario & { readonly scratch: Scratch }> {
  const scratch = new Scratch();
  run.scratch.afterwards(() => scratch.clean());
  const scaled = (full: number, least: number) =>
    Math.min(full, Math.max(least, Math.round(full * run.scale)));
  try {
    return { ...(await scenario.prepare({ scratch, scaled, tell: run.tell })), scratch };
  } catch (error) {
    await scratch.clean();
    throw error;
  }
}

function sort(subjects: readonly Subject[]): { present: readonly Subject[]; skipped: string[] } {
  const missing = subjects.map(({ needs = [] }) => missingTool(needs));
  return {
    present: subjects.filter((_, i) => missing[i] === undefined),
    skipped: subjects.flatMap(({ name }, i) => {
      const tool = missing[i];
      return tool === undefined ? [] : [`${name}: ${howToInstall(tool)}`];
    }),
  };
}

async function runOnce(subject: Subject, outer: Scratch): Promise<Measured> {
  const scratch = new Scratch();
  const forget = outer.afterwards(() => scratch.clean());
  try {
    return await subject.run(scratch);
  } catch (error) {
    throw new Error(`${subject.name}: ${messageOf(error)}`, { cause: error });
  } finally {
    await scratch.clean();
    forget();
  }
}

function figuresOf(subject: Subject, taken: readonly Measured[]): readonly FigureResult[] {
  return Object.entries(subject.figures).map(([key, { title, unit }]) => {
    const rounds = taken.map(({ values }) => values[key] ?? NaN);
    return { id: `${subject.name}.${key}`, title, unit, ...summaryOf(rounds), rounds };
  });
}

function shown({ values }: Measured): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${value >= 1_000 ? Math.round(value) : value.toPrecision(3)}`)
    .join(', ');
}
