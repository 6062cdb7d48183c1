export { until } from '@event-pipeline/runtime/testing';
