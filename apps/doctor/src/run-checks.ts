import { messageOf, problemFinding, type Clock, type Finding } from '@event-pipeline/runtime';

/** One part of the pipeline after the look at it. */
export interface Section {
  readonly title: string;
  readonly findings: readonly Finding[];
}

export interface Check {
  readonly title: string;
  run(): Promise<readonly Section[]>;
}

/**
 * Runs all checks at once. One that fails, or takes longer than `limitMs`, becomes a problem of its own
 * and stops no other. Never rejects.
 */
export async function runChecks(
  checks: readonly Check[],
  limitMs: number,
  clock: Clock,
): Promise<readonly Section[]> {
  const sections = await Promise.all(checks.map((check) => bounded(check, limitMs, clock)));
  return sections.flat();
}

async function bounded(check: Check, limitMs: number, clock: Clock): Promise<readonly Section[]> {
  const { title } = check;
  const failed = (value: string) => [
    { title, findings: [problemFinding('check', value, 'nothing is known of it')] },
  ];
  const over = new AbortController();
  const outOfTime = clock
    .sleep(limitMs, over.signal)
    .then(() => failed(`took longer than ${limitMs} ms`));
  const run = async () => check.run();
  const done = run().catch((error: unknown) => failed(`failed: ${messageOf(error)}`));
  const sections = await Promise.race([done, outOfTime]);
  over.abort();
  return sections;
}
