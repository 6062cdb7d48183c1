import { FAULT_SEED } from './fault-scale';
import { untilItWorks } from './kill-loop';
import { Load, type LoadOptions } from './load/load';
import { Pipeline, type PipelineOptions } from './pipeline';
import { httpUrlOf, metricOf, type Program } from './program';
import type { Scratch } from './scratch';
import { until } from './until';

/** A pipeline and producers that keep it busy, for a fault to happen to. */
export interface LoadedPipeline {
  readonly pipeline: Pipeline;
  readonly load: Load;
}

/** Resolves when events are acknowledged and processed. */
export async function startLoaded(
  options: PipelineOptions,
  scratch: Scratch,
  loadOptions: Partial<LoadOptions> = {},
): Promise<LoadedPipeline> {
  const pipeline = await Pipeline.start(options, scratch);
  const load = new Load({ address: pipeline.address, seed: FAULT_SEED, ...loadOptions }, scratch);
  load.start();
  await untilItWorks(pipeline, load);
  return { pipeline, load };
}

/** How many failed calls of a load had a status and text like this. */
export function failuresLike(load: Load, form: RegExp): number {
  return [...load.failures].reduce((sum, [text, n]) => (form.test(text) ? sum + n : sum), 0);
}

/** Waits until one call more has failed like this. */
export async function untilFailedLike(load: Load, form: RegExp): Promise<void> {
  const before = failuresLike(load, form);
  await until(
    `a call fails with ${String(form)}`,
    () => failuresLike(load, form) > before,
    30_000,
  ).catch((cause: unknown) => {
    throw new Error(`calls failed with: ${JSON.stringify([...load.failures])}`, { cause });
  });
}

/** A metric of a program, as it exports it now; NaN where it does not. */
export async function exported(program: Program, name: string): Promise<number> {
  return metricOf(await httpUrlOf(program), name);
}
