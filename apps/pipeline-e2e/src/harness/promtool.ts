import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** A program of Prometheus: in the folder PROMETHEUS_BIN, or on PATH (tools/workspace/prometheus-binaries.mjs). */
export function prometheusProgram(name: 'prometheus' | 'promtool'): string {
  const folder = process.env['PROMETHEUS_BIN'];
  return folder ? join(folder, name) : name;
}

/** Runs promtool to its end; answers with all it said, and whether it found nothing wrong. */
export function promtool(
  args: readonly string[],
  input = '',
): { readonly ok: boolean; readonly said: string } {
  const program = prometheusProgram('promtool');
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    input,
    encoding: 'utf8',
    timeout: 30_000,
  });
  if (error !== undefined) {
    throw new Error(`${program} cannot be run: run "npm test", which sees to it`, { cause: error });
  }
  return { ok: status === 0, said: `${stdout}${stderr}`.trim() };
}
