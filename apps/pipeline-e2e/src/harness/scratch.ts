export { Scratch, type CleanUp } from '@event-pipeline/runtime/testing';
