// place: libs/store/src/postgres
// refused by: @typescript-eslint/no-restricted-imports pathWithCustomMessage
import 'libsql';
