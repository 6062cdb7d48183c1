import type { NodeProgram, Scratch } from '@event-pipeline/runtime/testing';

/** Ends the program so that it still writes its profile; longer ones are cut. */
const WRITING_LIMIT_MS = 20_000;

let folder: string | undefined;
let count = 0;

/**
 * From now on collectors, workers and baselines write a CPU profile when they end, which Chrome's
 * developer tools show. Profiling costs a few per cent, so such a run does not count.
 */
export function profileInto(target: string): void {
  folder = target;
}

/** What Node.js is to be given. @param name begins the name of the file */
export function profilingArgs(name: string): readonly string[] {
  if (folder === undefined) return [];
  count += 1;
  const file = `${name.replaceAll(/[^\w-]+/g, '-')}-${count}.cpuprofile`;
  return ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${file}`];
}

/** At the end of the run, before it is killed. */
export function endWithProfile(program: NodeProgram, scratch: Scratch): void {
  if (folder === undefined) return;
  scratch.afterwards(async () => {
    program.signal('SIGTERM');
    const limit = setTimeout(() => program.signal('SIGKILL'), WRITING_LIMIT_MS);
    await program.exited;
    clearTimeout(limit);
  });
}
