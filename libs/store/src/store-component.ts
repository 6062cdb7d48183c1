import type { Component } from '@event-pipeline/runtime';
import type { EventStore } from './event-store';

/** Closes an open store when the program stops. Before what uses it, so that it stops after that. */
export function storeComponent(store: Pick<EventStore, 'close'>): Component {
  return { name: 'store', start: () => Promise.resolve(), stop: () => store.close() };
}
