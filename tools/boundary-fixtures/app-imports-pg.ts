// place: apps/worker/src
// refused by: @typescript-eslint/no-restricted-imports pathWithCustomMessage
import 'pg';
