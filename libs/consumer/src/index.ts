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
export type { FailureSample, LeaseOutcome } from './lease-outcome';
