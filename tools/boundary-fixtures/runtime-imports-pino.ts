// place: libs/runtime/src
// refused by: @typescript-eslint/no-restricted-imports pathWithCustomMessage
import 'pino';
