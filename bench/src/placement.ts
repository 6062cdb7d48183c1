import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** What a process does in a run. */
export type Role = 'server' | 'worker' | 'load' | 'engine';

const ROLES: readonly Role[] = ['server', 'worker', 'load', 'engine'];

/**
 * The core of each role: what is measured never shares a core with what loads it. With two cores a
 * worker shares the collector's, Redis and PostgreSQL the load's.
 */
export function coreOf(role: Role, cores: number): number | undefined {
  if (cores < 2) return undefined;
  const isMeasured = role === 'server' || role === 'worker';
  if (cores < 4) return isMeasured ? 0 : 1;
  return ROLES.indexOf(role);
}

/** For the report. */
export function describePlacement(): string {
  const cores = availableParallelism();
  if (!canPin() || cores < 2) return 'Processes are not pinned to cores.';
  const of = (role: Role) => String(coreOf(role, cores));
  return `Pinned by taskset: collector and bare server to core ${of('server')}, workers to core ${of('worker')}, Redis, PostgreSQL and NATS to core ${of('engine')}, whoever sends to core ${of('load')}.`;
}

/** Moves a process with its threads and children; what they start later stays there. */
export function pin(pid: number, role: Role): void {
  const core = coreOf(role, availableParallelism());
  if (core === undefined || !canPin()) return;
  for (const each of [pid, ...childrenOf(pid)]) {
    spawnSync('taskset', ['-a', '-c', '-p', String(core), String(each)]);
  }
}

let pins: boolean | undefined;
function canPin(): boolean {
  pins ??= spawnSync('taskset', ['--version']).status === 0;
  return pins;
}

function childrenOf(pid: number): readonly number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
