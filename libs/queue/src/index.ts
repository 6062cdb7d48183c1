export * from './batch-routing';
export * from './partition-of';
export * from './partitioning';
export * from './queue';
export * from './queue-component';
export * from './queue-config';
export * from './retry-policy';
export * from './sample-queue';
