import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { systemClock } from '@event-pipeline/runtime';
import { PostgresLink } from './postgres-link';

/** A message of PostgreSQL's protocol: its kind, its length, its content. */
function message(kind: string, ...content: readonly (string | Buffer)[]): Buffer {
  const body = Buffer.concat(content.map((part) => Buffer.from(part)));
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(kind), length, body]);
}

const AUTHENTICATED = message('R', Buffer.alloc(4));
const READY = message('Z', 'I');
const FAREWELL = message(
  'E',
  'SFATAL\0C57P01\0Mterminating connection due to unexpected postmaster exit\0\0',
);

describe('a connection to PostgreSQL', () => {
  it('that is ended in the same packet that opens it fails its statement, not the process', async () => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(Buffer.concat([AUTHENTICATED, READY, FAREWELL])));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const uncaught: unknown[] = [];
    const note = (error: unknown) => uncaught.push(error);
    process.on('uncaughtException', note);
    const { port } = server.address() as AddressInfo;
    const link = new PostgresLink(
      {
        location: {
          engine: 'postgres',
          host: '127.0.0.1',
          port,
          user: 'postgres',
          password: undefined,
          database: 'postgres',
          tls: { mode: 'off' },
        },
        connections: 1,
        timeoutMs: 5_000,
      },
      systemClock,
    );
    try {
      await expect(link.query('select 1')).rejects.toThrow();
      expect(uncaught).toEqual([]);
    } finally {
      await link.close();
      process.off('uncaughtException', note);
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });
});
