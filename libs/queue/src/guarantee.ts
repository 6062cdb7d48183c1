import type { Durability, QueueHealth } from './queue';

/**
 * What the promise durable-ack comes to at each durability, in plain words: the same ones in logs, on
 * /readyz and in `npm run doctor`. docs/delivery-semantics.md has the long form.
 */
export const GUARANTEES: Readonly<Record<Durability, string>> = {
  disk: 'durable-ack holds: an acknowledged event is on disk, and survives the kill of any process and a power cut',
  'bounded-loss':
    'durable-ack does not hold: an acknowledged event survives the kill of collector and worker; a crash of ' +
    'the queue server or a power cut may lose those of the last seconds',
  memory:
    'durable-ack does not hold: an acknowledged event survives the kill of collector and worker, and no more',
  unknown:
    'durable-ack cannot be confirmed: the server does not say whether acknowledged events are on disk',
};

/** What is wrong and what to change, in one line; empty where nothing is. */
export function changesFor({ findings = [] }: Pick<QueueHealth, 'findings'>): string {
  return findings
    .filter(({ level }) => level === 'problem')
    .map(({ setting, value, meaning, change: [first] }) => {
      const change = first === undefined ? '' : `: ${first}`;
      return `${setting} is ${value} (${meaning})${change}`;
    })
    .join('; ');
}
