import { credentials } from '@grpc/grpc-js';
import { EventServiceClient } from '@event-pipeline/contracts';
import { channelOptions } from '@event-pipeline/publisher/calls';

/** Clients with a connection each. Nothing is connected yet. */
export function openClients(address: string, count: number): readonly EventServiceClient[] {
  const options = channelOptions(address);
  return Array.from(
    { length: count },
    () => new EventServiceClient(address, credentials.createInsecure(), options),
  );
}
