// place: libs/queue/src/embedded
// refused by: @typescript-eslint/no-restricted-imports pathWithCustomMessage
import 'ioredis';
