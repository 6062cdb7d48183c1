import { escapeUnprintable } from '@event-pipeline/runtime';

/** The text in one line of at most `width` characters, control characters written as escapes. */
export function shortened(text: string, width: number): string {
  // Cut first: escaping a mebibyte to show a hundred characters would be waste.
  const start = escapeUnprintable(text.slice(0, width + 1));
  if (start.length <= width) return start;
  return `${start.slice(0, width - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** Cells in columns of these widths, two blanks apart; a cell that is longer pushes the rest on. */
export function columns(widths: readonly number[], cells: readonly string[]): string {
  return cells
    .map((cell, index) => cell.padEnd(widths[index] ?? 0))
    .join('  ')
    .trimEnd();
}
