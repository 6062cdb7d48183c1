export { inWorkspace } from '@event-pipeline/runtime/testing';
