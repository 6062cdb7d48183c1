// place: libs/consumer/src
// refused by: @nx/enforce-module-boundaries notTagsConstraintViolation
import '@event-pipeline/contracts';
