import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/**
 * Runs promtool to its end, from the folder PROMETHEUS_BIN or from PATH (tools/workspace/prometheus-binaries.mjs);
 * answers with all it said, and whether it found nothing wrong.
 */
export function promtool(...args: readonly string[]): {
  readonly ok: boolean;
  readonly said: string;
} {
  const folder = process.env['PROMETHEUS_BIN'];
  const program = folder ? join(folder, 'promtool') : 'promtool';
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    timeout: 30_000,
  });
  if (error !== undefined) {
    throw new Error(`${program} cannot be run: run "npm test", which sees to it`, { cause: error });
  }
  return { ok: status === 0, said: `${stdout}${stderr}`.trim() };
}
