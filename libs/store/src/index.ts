export { identicalText, type SameContent } from './content';
export * from './event-store';
export type { PutWatch } from './put-watch';
export * from './retention-duty';
export * from './store-component';
export * from './store-config';
