/**
 * What of the whole service is PostgreSQL's alone. The flows that both engines share are run on it by
 * vitest's project `postgres`.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyPostgresLedger } from '../../src/store/index.ts';
import { assertCaSound } from '../support/assert-ca-sound.ts';
import { isLeftOut } from '../support/counterpart.ts';
import { makeDevice, makeFleet, requestCertificate, type TestFleet } from '../support/fleet.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { type Service, scratchFolder, startRefused, startService } from '../support/service.ts';

describe.skipIf(isLeftOut('postgres'))('the whole service on PostgreSQL', () => {
  const data = scratchFolder();
  let server: PostgresServer;
  let url: string;
  let service: Service;
  let fleet: TestFleet;
  const start = () => startService({ data, env: { DATABASE_URL: url } });

  beforeAll(async () => {
    server = await startPostgres();
    url = await server.newDatabase();
    service = await start();
    fleet = await makeFleet(service, 'demo');
  });

  afterAll(async () => {
    await service?.kill();
    await server?.stop();
  });

  it('issues, and gives the same certificate again', async () => {
    const { csr } = makeDevice('single-1');
    const first = await requestCertificate(service, fleet, { body: csr });
    const again = await requestCertificate(service, fleet, { body: csr });
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(again.json().certificate).toBe(first.json().certificate);
  });

  it('refuses a second service on the same database', async () => {
    const refused = await startRefused({ data: scratchFolder(), env: { DATABASE_URL: url } });
    expect(refused.code).toBe('busy');
  });

  it('refuses keys with an empty database: never an empty CA', async () => {
    await service.stop();
    const empty = await server.newDatabase();
    const refused = await startRefused({ data, env: { DATABASE_URL: empty } });
    expect(refused.code ?? refused.name).toMatch(/storage-unavailable|StartRefusal/);
    service = await start();
  });

  it('has a ledger that verifies while it runs, and its password is in no log', async () => {
    const report = await verifyPostgresLedger(url);
    expect(report.problems).toEqual([]);
    expect(report.ok).toBe(true);
    const { password } = new URL(url);
    expect(password.length).toBeGreaterThan(0);
    expect(service.log()).not.toContain(password);
  });

  it('is sound, as seen from outside, until a row is changed', async () => {
    await service.stop();
    await assertCaSound(url, { stopped: true });
    await server.administer('UPDATE certificate SET revoked_at = 1', url);
    await expect(assertCaSound(url)).rejects.toThrow(/on the server/);
    await server.administer('UPDATE certificate SET revoked_at = NULL', url);
    await server.administer("UPDATE certificate SET der = '\\x3000'", url);
    await expect(assertCaSound(url)).rejects.toThrow(/does not parse/);
  });
});
