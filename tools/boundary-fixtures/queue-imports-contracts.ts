// place: libs/queue/src
// refused by: @nx/enforce-module-boundaries notTagsConstraintViolation
import '@event-pipeline/contracts';
