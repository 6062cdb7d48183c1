// place: libs/publisher/src
// refused by: @nx/enforce-module-boundaries onlyTagsConstraintViolation
import '@event-pipeline/queue';
