export * from './harness/events-file';
export * from './harness/program';
export * from './harness/queue-engine';
export * from './harness/quickstart';
export * from './harness/record';
export * from './harness/scratch';
export * from './harness/until';
