/** A whole number with separators, for people: 10,000. */
export function grouped(value: number): string {
  return value.toLocaleString('en-US');
}
