/** Where text goes: a terminal, or a file or a pipe, which has no width. */
export interface TextTarget {
  readonly isTTY?: boolean;
  /** Of a terminal. */
  readonly columns?: number;
}

/** How wide a table is where nobody says: in a file, in a pipe. */
export const FULL_WIDTH = 100;
/** Narrower than this no table can be read, and none is made. */
export const LEAST_WIDTH = 40;

/** How many characters a line may have there: those of the terminal, 100 where there is none. */
export function textWidth({ isTTY, columns }: TextTarget): number {
  if (isTTY !== true || columns === undefined || columns <= 0) return FULL_WIDTH;
  return Math.max(LEAST_WIDTH, columns);
}
