import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

interface Facts {
  readonly metrics: readonly { readonly name: string; readonly type: string }[];
}

const script = join(__dirname, '../reference-docs.mjs');
const { metrics } = JSON.parse(
  execFileSync(process.execPath, [script, '--facts'], { encoding: 'utf8' }),
) as Facts;

/** Those that every target has, and of prom-client's own those that somebody asks for. */
const OTHERS = [
  'up',
  'process_cpu_seconds_total',
  'process_resident_memory_bytes',
  'process_start_time_seconds',
  'nodejs_gc_duration_seconds_sum',
  'nodejs_heap_size_used_bytes',
];

const EXPORTED = metrics.flatMap(({ name, type }) =>
  type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
);

/** The series that an expression of PromQL asks for. */
export function namedMetrics(expression: string): string[] {
  const withoutLabels = expression.replace(/\{[^}]*\}|\b(by|without|on|ignoring) ?\([^)]*\)/g, '');
  return withoutLabels.match(/\b(pipeline|process|nodejs)[_:][\w:]+|\bup\b/g) ?? [];
}

/** Of them, those that no program exports and no rule records. */
export function unknownMetrics(expression: string, recorded: readonly string[]): string[] {
  const known = new Set([...EXPORTED, ...OTHERS, ...recorded]);
  return namedMetrics(expression).filter((name) => !known.has(name));
}

/** Every metric of the project. */
export function exportedMetrics(): string[] {
  return metrics.map(({ name }) => name);
}
