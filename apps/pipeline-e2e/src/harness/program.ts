import { Program, type Scratch } from '@event-pipeline/runtime/testing';

export {
  Program,
  httpUrlOf,
  metricOf,
  metricSum,
  runProducer,
  startCollector,
  startProducer,
  startWorker,
  type Exit,
  type ProducerSummary,
} from '@event-pipeline/runtime/testing';

/** Starts a command of the queue's command line. */
export function startQueueCli(
  variables: Readonly<Record<string, string>>,
  command: string,
  scratch: Scratch,
): Program {
  return new Program('queue-cli', variables, command.split(' '), scratch);
}

/** Runs a command of the queue's command line to its end, and insists that it succeeded. */
export async function runQueueCli(
  variables: Readonly<Record<string, string>>,
  command: string,
  scratch: Scratch,
): Promise<string> {
  const program = startQueueCli(variables, command, scratch);
  const { code } = await program.exited;
  if (code !== 0) throw new Error(`"${command}" ended with ${code}: ${program.output.join(' | ')}`);
  return program.stdout;
}
