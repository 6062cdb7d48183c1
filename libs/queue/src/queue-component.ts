import type { Component } from '@event-pipeline/runtime';
import type { Queue } from './queue';

/** Closes an open queue when the program stops. Before what uses it, so that it stops after that. */
export function queueComponent(queue: Pick<Queue, 'close'>): Component {
  return { name: 'queue', start: () => Promise.resolve(), stop: () => queue.close() };
}
