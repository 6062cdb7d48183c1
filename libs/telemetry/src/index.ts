export * from './http-server';
export type { LogDestination } from './log-output';
export * from './logger';
export * from './logging-config';
export * from './metric-names';
export * from './metrics';
export * from './minutely-warning';
export type { OperatorPagesOptions, Readiness } from './operator-pages';
export * from './queue-sample';
