// place: libs/telemetry/src
// refused by: @nx/enforce-module-boundaries onlyTagsConstraintViolation
import '@event-pipeline/contracts';
