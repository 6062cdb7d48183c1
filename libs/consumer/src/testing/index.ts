export * from './in-memory-queue';
export * from './intercepted-queue';
