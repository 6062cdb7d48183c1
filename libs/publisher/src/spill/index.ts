export { openSpill, type SpillOptions } from './open-spill';
export type { Spill, SpilledBatch } from '../spill-port';
