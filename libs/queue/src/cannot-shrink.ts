import { PipelineError } from '@event-pipeline/runtime';

/** Why a queue keeps its partitions, for whoever wanted fewer. */
export function cannotShrink(what: {
  readonly count: number;
  readonly target: number;
  readonly partition: number;
  readonly held: number;
}): PipelineError {
  const { count, target, partition, held } = what;
  return new PipelineError(
    'CONFIG_INVALID',
    `the queue cannot shrink from ${count} to ${target} partitions: partition ${partition} still ` +
      `holds ${held} ${held === 1 ? 'event' : 'events'}, dead letters included; set ` +
      `QUEUE_PARTITIONS=${count} until it is empty`,
  );
}
