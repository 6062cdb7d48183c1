// place: libs/publisher/src
// refused by: @nx/enforce-module-boundaries bannedExternalImportsViolation
import '@opentelemetry/core';
