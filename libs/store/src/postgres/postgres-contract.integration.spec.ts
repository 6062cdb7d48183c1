import { startPostgresServer, type PostgresServer } from '../testing/postgres-server';
import { describeStoreContract } from '../testing/store-contract';
import { postgresStoreUnderTest } from './testing/postgres-store-under-test';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgresServer();
});
afterAll(() => server.stop());

describeStoreContract(
  'PostgreSQL',
  postgresStoreUnderTest(() => server),
);
