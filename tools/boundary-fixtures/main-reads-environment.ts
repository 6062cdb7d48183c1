// place: apps/collector/src as main.ts
// refused by: nothing
export const home = process.env['HOME'];
