// place: libs/queue/src/redis
// refused by: nothing
import 'ioredis';
