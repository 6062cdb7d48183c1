import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { isToken } from '@event-pipeline/publisher/calls';
import type { Clock } from '@event-pipeline/runtime';

const ANSWER_LIMIT_MS = 2_000;

/**
 * Whether the collector on this port of this machine takes a token: a request without events is sent with
 * it, which queues nothing.
 *
 * @returns undefined where it does; else why not, in words that do not show the token
 */
export function refusalOfToken(
  port: number,
  token: string,
  clock: Clock,
): Promise<string | undefined> {
  if (!isToken(token)) return Promise.resolve('it is no token: letters, digits and "-._~+/"');
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      '/event.EventService/PublishEvents',
      () => Buffer.alloc(0),
      (answer: Buffer) => answer,
      undefined,
      metadata,
      { deadline: clock.now() + ANSWER_LIMIT_MS },
      (error) => {
        client.close();
        resolve(error === null ? undefined : `${status[error.code]}: ${error.details}`);
      },
    );
  });
}
