// place: libs/queue/src/redis
// refused by: @typescript-eslint/no-restricted-imports pathWithCustomMessage
import 'lmdb';
