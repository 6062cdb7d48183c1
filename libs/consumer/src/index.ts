export { Consumer, type ConsumerOptions } from './consumer';
export type {
  ConsumerObserver,
  LostLease,
  ObservedLease,
  SettledLease,
  StoredEvents,
} from './consumer-observer';
export type { EventCodec } from './event-codec';
export * from './event-handler';
export * from './event-sink';
export * from './handler-errors';
export { BATCH_TIMEOUT_FACTOR } from './handler-table';
export type { FailureSample, LeaseOutcome } from './lease-outcome';
