export * from './intercepted-queue';
