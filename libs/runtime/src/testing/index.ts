export * from './running-process';
export * from './seeded-random';
export * from './simulated-clock';
export * from './simulated-host';
export * from './strange-forms';
