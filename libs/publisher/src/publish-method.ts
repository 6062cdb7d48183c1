/** PublishEventStream, with many batches on their way at once, or PublishEvents, with one. */
export type PublishMethod = 'stream' | 'unary';
