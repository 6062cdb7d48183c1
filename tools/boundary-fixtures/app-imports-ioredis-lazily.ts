// place: apps/collector/src
// refused by: no-restricted-syntax restrictedSyntax
export const redis = () => import('ioredis');
