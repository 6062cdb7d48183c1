// place: apps/collector/src
// refused by: nothing
import '@event-pipeline/contracts';
import '@event-pipeline/queue';
import '@event-pipeline/runtime';
import '@grpc/grpc-js';
