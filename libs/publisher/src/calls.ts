/** Rules and settings of calls to a collector, for programs of this repository that make other calls. */
export { CallToken, isToken } from './call-token';
export { channelOptions, waitUntilConnected } from './collector-channel';
export {
  codeName,
  readFailure,
  retryDelayMs,
  type CallFailure,
  type FailureAction,
} from './failure-rules';
