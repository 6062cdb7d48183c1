// place: libs/runtime/src
// refused by: @nx/enforce-module-boundaries noCircularDependencies
import '@event-pipeline/queue';
