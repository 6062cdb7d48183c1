export { Publisher } from './publisher';
export type {
  CloseOptions,
  PublishOptions,
  PublisherStats,
  Receipt,
  WaitOptions,
} from './publisher-calls';
export type { PublisherOptions } from './publisher-options';
export type { TokenSource } from './call-token';
export { tokenFromFile } from './token-file';
export type { PublishMethod } from './publish-method';
export type { PublishableEvent } from './publishable-event';
export type { PublishFailure, PublishManyOptions, PublishManyResult } from './publish-many';
export {
  PUBLISH_ERROR_CODES,
  PublishError,
  type EventRejection,
  type PublishErrorCode,
  type PublishErrorDetails,
} from './publish-error';
export type { BatchAnswer, PublisherObserver, PublisherTrouble } from './publisher-observer';
export type { Spill, SpilledBatch } from './spill-port';
export type { Clock, Random } from '@event-pipeline/runtime/basics';
