import { totalmem } from 'node:os';

/** The memory limit of the container (its cgroup), bytes; undefined where there is none. */
export function containerMemoryLimit(): number | undefined {
  return memoryLimitOf(process.constrainedMemory(), totalmem());
}

/**
 * What Node.js' answer means: without a limit it is 0, undefined, or on some systems a number larger
 * than any memory.
 */
export function memoryLimitOf(
  constrainedBytes: number | undefined,
  totalBytes: number,
): number | undefined {
  const isLimit = constrainedBytes !== undefined && constrainedBytes > 0;
  return isLimit && constrainedBytes < totalBytes ? constrainedBytes : undefined;
}
