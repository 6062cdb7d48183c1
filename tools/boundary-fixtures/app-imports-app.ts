// place: apps/collector/src
// refused by: @nx/enforce-module-boundaries noRelativeOrAbsoluteImportsAcrossLibraries
import '../../worker/src/main';
