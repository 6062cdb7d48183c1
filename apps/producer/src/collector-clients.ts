import { EventServiceClient } from '@event-pipeline/contracts';
import { channelOptions } from '@event-pipeline/publisher/calls';
import type { CollectorTransport } from './collector-transport';

/** Clients with a connection each. Nothing is connected yet. */
export function openClients(
  address: string,
  count: number,
  transport: CollectorTransport,
): readonly EventServiceClient[] {
  const options = { ...channelOptions(address), ...transport.channelOptions };
  return Array.from(
    { length: count },
    () => new EventServiceClient(address, transport.credentials, options),
  );
}
