import { availableParallelism, freemem, totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import {
  containerMemoryLimit,
  fineFinding,
  problemFinding,
  warningFinding,
  type Finding,
} from '@event-pipeline/runtime';

/** Of package.json, "engines". */
const OLDEST_NODE = [20, 19] as const;
const LITTLE_MEMORY_BYTES = 256 * 1_048_576;
const mib = (bytes: number) => `${Math.round(bytes / 1_048_576)} MiB`;

export interface Machine {
  /** E.g. "20.19.4". */
  readonly nodeVersion: string;
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** Of the container; 0: none. */
  readonly limitBytes: number;
  readonly heapLimitBytes: number;
  readonly processors: number;
}

/** This machine, or this container. */
export function thisMachine(): Machine {
  return {
    nodeVersion: process.versions.node,
    totalBytes: totalmem(),
    freeBytes: freemem(),
    limitBytes: containerMemoryLimit() ?? 0,
    heapLimitBytes: getHeapStatistics().heap_size_limit,
    processors: availableParallelism(),
  };
}

export function judgeMachine(machine: Machine): readonly Finding[] {
  const { totalBytes, freeBytes, limitBytes, heapLimitBytes } = machine;
  const memory = limitBytes > 0 ? limitBytes : totalBytes;
  return [
    nodeFinding(machine.nodeVersion),
    fineFinding('processors', machine.processors),
    limitBytes > 0
      ? fineFinding('memory limit of the container', mib(limitBytes))
      : fineFinding('memory', `${mib(freeBytes)} free of ${mib(totalBytes)}`),
    memory < LITTLE_MEMORY_BYTES
      ? warningFinding('memory for a program', mib(memory), 'a collector under load needs 256 MiB')
      : fineFinding('memory for a program', mib(memory)),
    heapLimitBytes > memory
      ? warningFinding(
          'heap limit of Node.js',
          mib(heapLimitBytes),
          'more than there is: the process is killed before its heap is full',
          `NODE_OPTIONS=--max-old-space-size=${Math.floor((memory / 1_048_576) * 0.6)}`,
        )
      : fineFinding('heap limit of Node.js', mib(heapLimitBytes)),
  ];
}

function nodeFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isNewEnough =
    major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  if (isNewEnough) return fineFinding('Node.js', version);
  const oldest = OLDEST_NODE.join('.');
  return problemFinding('Node.js', version, 'too old', `install Node.js ${oldest} or newer`);
}
