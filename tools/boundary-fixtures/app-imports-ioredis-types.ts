// place: apps/collector/src
// refused by: @typescript-eslint/no-restricted-imports pathWithCustomMessage
export type { Redis } from 'ioredis';
