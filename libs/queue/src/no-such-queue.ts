import { PipelineError } from '@event-pipeline/runtime';

/** Of the queues that there are, so many are named. */
export const NAMED_QUEUES = 10;

/** CONFIG_INVALID, for a look at a queue that there is not. */
export class NoSuchQueueError extends PipelineError {
  /** @param others the queues that are there; undefined where nobody knows */
  constructor(name: string, place: string, others: readonly string[] | undefined) {
    const problem = `QUEUE_NAME: there is no queue "${name}" in ${place}`;
    super('CONFIG_INVALID', `${problem}${whatThereIs(others)}`);
  }
}

function whatThereIs(others: readonly string[] | undefined): string {
  if (others === undefined) return '';
  const [first] = others;
  if (first === undefined) return ', and no other; one is made when a collector or a worker starts';
  if (others.length === 1) return `; there is ${first}`;
  const more = others.length > NAMED_QUEUES ? ', and others' : '';
  return `; there are ${others.slice(0, NAMED_QUEUES).join(', ')}${more}`;
}
