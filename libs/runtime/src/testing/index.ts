export * from './seeded-random';
export * from './simulated-clock';
export * from './simulated-host';
