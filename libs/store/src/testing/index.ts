export { findPostgres } from './postgres-binaries';
export * from './postgres-server';
export * from './store-contract';
export * from './store-under-test';
