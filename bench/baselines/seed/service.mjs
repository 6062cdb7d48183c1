import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';

const file = fileURLToPath(new URL('event.proto', import.meta.url));
const definition = protoLoader.loadSync(file, {
  keepCase: true,
  longs: Number,
  defaults: true,
});

export const { EventService } = grpc.loadPackageDefinition(definition).event;
