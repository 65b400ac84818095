import { afterAll, beforeAll, describe } from 'vitest';
import { openPostgresStore } from '../../src/store/index.ts';
import { describeStore } from '../store/contract.ts';
import { isLeftOut } from '../support/counterpart.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';

describe.skipIf(isLeftOut('postgres'))('PostgreSQL', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server?.stop());

  describeStore('PostgreSQL', async (run) => openPostgresStore({ ...run, url: await server.newDatabase() }));
});
