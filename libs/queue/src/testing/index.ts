export * from './in-memory-queue';
export * from './queue-contract';
export * from './queue-under-test';
export * from './redis-cluster';
export * from './redis-sentinel';
export * from './redis-server';
