export * from './seeded-random';
export * from './simulated-clock';
