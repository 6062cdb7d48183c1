// place: libs/queue/src
// refused by: @nx/enforce-module-boundaries bannedExternalImportsViolation
import '@grpc/grpc-js';
