// place: libs/queue/src
// refused by: @nx/enforce-module-boundaries bannedExternalImportsViolation
export const grpc = () => import('@grpc/grpc-js');
