export {
  Event,
  EventServiceClient,
  EventServiceService,
  PublishEventsRequest,
  PublishEventsResponse,
  Rejection,
  RejectionCode,
  StreamSummary,
} from './gen/event/event';
export type { EventServiceServer } from './gen/event/event';
export { RetryInfo, Status } from './gen/google/rpc/status';
export { Any } from './gen/google/protobuf/any';
export { default as descriptorSet } from './gen/descriptor.json';
export * from './event-codec';
export * from './status-details';
