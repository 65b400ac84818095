/**
 * What only a database server can suffer, while the service that works on it lives: it breaks down and
 * comes back, its disk fills, someone makes it read-only or careless. What the service itself suffers is
 * in the files that vitest's project `postgres` runs again.
 */
import { chownSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { assertCaSound } from '../support/assert-ca-sound.ts';
import { isLeftOut } from '../support/counterpart.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { type Answer, call, makeFleet, requestOne } from './calls.ts';
import { doubledIn, ledgerProblems, missingFrom, readLedgerFacts, unexplainedIn } from './ledger-facts.ts';
import { type LotRow, makeLot } from './lot.ts';
import { createResumingClient } from './resuming-client.ts';
import { fill, mountSmall, unmountAll, whyNoMount } from './scratch-mount.ts';
import { cleanUp, makeFolder, type ServiceProcess, startService } from './service-process.ts';

const ROWS = 1_200;
const BREAKDOWNS = 3;
const MEBIBYTES = 32;
const MOST_SENDINGS = 5;
/** On a machine with much to do. */
const TIMEOUT_MS = 300_000;

const nameOf = (url: string): string => new URL(url).pathname.slice(1);

/** A refusal that tells a client to come again, and when. */
function expectAskAgain(answer: Answer, status: number, code: string): void {
  expect([answer.status, answer.json?.code]).toEqual([status, code]);
  expect(answer.json.retryable).toBe(true);
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
}

describe.skipIf(isLeftOut('postgres'))('a server of PostgreSQL', { timeout: TIMEOUT_MS }, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server?.stop());
  afterEach(() => {
    unmountAll();
    cleanUp();
  });

  /** A service with a fleet, on a database of its own. */
  async function begin(prepare: (url: string) => Promise<unknown> = async () => undefined) {
    const url = await server.newDatabase();
    await prepare(url);
    const data = makeFolder();
    const signingRecord = join(data, 'signing-record');
    const service = await startService({
      data,
      transport: 'http',
      signingRecord,
      env: { DATABASE_URL: url },
    });
    return { url, service, signingRecord, ...(await makeFleet(service)) };
  }

  /** Ends the connections of a service: the next are made under whatever has been set by then. */
  const disconnect = (url: string) =>
    server.administer(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name LIKE 'fleetca%' AND datname = '${nameOf(url)}'`,
    );

  async function expectWhole(
    service: ServiceProcess,
    held: ReadonlyMap<string, string>,
    lot: readonly LotRow[],
  ) {
    const facts = await readLedgerFacts(service.database);
    expect([missingFrom(facts, held), doubledIn(facts)]).toEqual([[], []]);
    for (const { deviceId, good } of lot) {
      expect([deviceId, facts.certificates.has(deviceId)]).toEqual([deviceId, good]);
      expect([deviceId, held.has(deviceId)]).toEqual([deviceId, good]);
    }
    return facts;
  }

  test('that breaks down in a lot loses and doubles nothing: what was asked meanwhile is to be asked again', async () => {
    const { service, signingRecord, station } = await begin();
    const lot = makeLot(ROWS);
    const [single] = makeLot(1, 'single');
    const client = createResumingClient();
    const sending = { rows: lot, token: station, batchId: 'lot' };

    let cut = 0;
    for (let round = 1; round <= BREAKDOWNS; round++) {
      let strike = (): void => undefined;
      const due = new Promise<void>((resolve) => {
        strike = resolve;
      });
      // The replayed rows of the rounds before come first.
      const onOutcome = (outcomes: number): void => {
        if (outcomes === client.held.size + 20 || outcomes === round * 300) strike();
      };
      // Two clients with the same lot: they race for every slot.
      const exchanges = [
        client.send(service, { ...sending, onOutcome }),
        client.send(service, { ...sending, batchId: 'twin' }),
      ];
      await Promise.race([due, Promise.all(exchanges)]);
      await server.breakDown();
      expectAskAgain(await requestOne(service, station, single!.csr), 503, 'storage-unavailable');
      const ends = await Promise.all(exchanges);
      cut += ends.filter(({ ended, failed }) => ended !== 'whole' || failed > 0).length;
      const early = await client.send(service, sending);
      expect([early.ended, early.status]).toEqual(['refused', 503]);

      await server.startAgain();
      // What a client was handed was committed before: it is there after the server's recovery.
      expect(missingFrom(await readLedgerFacts(service.database), client.held)).toEqual([]);
    }
    for (let sendings = 1; ; sendings++) {
      const { ended, failed } = await client.send(service, sending);
      if (ended === 'whole' && failed === 0) break;
      expect(sendings).toBeLessThan(MOST_SENDINGS);
    }
    expect(await service.stop()).toBe(0);
    // Otherwise this tested nothing.
    expect(cut).toBeGreaterThan(0);
    expect(client.complaints).toEqual([]);
    const facts = await expectWhole(service, client.held, lot);
    expect(unexplainedIn(facts, signingRecord)).toEqual([]);
    expect(await ledgerProblems(service.database)).toEqual([]);
    await assertCaSound(service.database, { stopped: true });
  });

  test('whose disk is full is told as 507, reads go on, and a lot goes on where it was when there is room', async ({
    skip,
  }) => {
    const disk = makeFolder();
    const why = whyNoMount(disk);
    if (why !== undefined) skip(why);
    mountSmall(disk, MEBIBYTES);
    const { uid, gid } = statSync(server.walFolder);
    chownSync(disk, uid, gid);
    await server.administer(`CREATE TABLESPACE small LOCATION '${disk}'`);
    // The log of what is to be redone has its own disk, as it should: a server without room for it stops.
    const { service, station } = await begin((url) =>
      server.administer(`ALTER DATABASE ${nameOf(url)} SET TABLESPACE small`),
    );
    const [first, ...lot] = makeLot(ROWS + 1);
    const before = await requestOne(service, station, first!.csr);
    expect(before.status).toBe(201);

    const client = createResumingClient();
    const sending = { rows: lot, token: station, batchId: 'lot' };
    const makeRoom = fill(disk, 400 * 1024);
    const { ended, failed } = await client.send(service, sending);
    expect([ended, failed > 0]).not.toEqual(['whole', false]);
    expect(client.held.size).toBeLessThan(ROWS / 2);
    // Single requests still find room in pages that are there, for a while.
    const refused = [];
    for (const row of makeLot(300, 'single')) {
      const answer = await requestOne(service, station, row.csr);
      if (answer.status !== 201) refused.push({ row, answer });
      if (refused.length === 3) break;
    }
    expect(refused.map(({ answer }) => [answer.status, answer.json.code])).toEqual(
      Array.from({ length: 3 }, () => [507, 'storage-full']),
    );
    const shown = await call(service, { path: before.headers.location ?? '', token: station });
    expect([shown.status, shown.json.certificate]).toEqual([200, before.json.certificate]);

    makeRoom();
    for (const { row } of refused) expect((await requestOne(service, station, row.csr)).status).toBe(201);
    expect(await client.send(service, sending)).toMatchObject({ ended: 'whole', failed: 0 });
    expect(await service.stop()).toBe(0);
    expect(client.complaints).toEqual([]);
    await expectWhole(service, client.held, lot);
    await assertCaSound(service.database, { stopped: true });
    await server.administer(`DROP DATABASE ${nameOf(service.database)} WITH (FORCE)`);
    await server.administer('DROP TABLESPACE small');
  });

  test.each([
    ['default_transaction_read_only', 'on', 'is made read-only'],
    ['fsync', 'off', 'is made to sync no more'],
    ['full_page_writes', 'off', 'is made to leave pages half written'],
  ])(
    'that by %s = %s %s is written to no more until it is as before, and reads go on',
    async (setting, value) => {
      const { url, service, station } = await begin();
      const [first, second] = makeLot(2);
      const before = await requestOne(service, station, first!.csr);
      const reset = await server.configure(setting, value);
      try {
        await disconnect(url);
        expectAskAgain(await requestOne(service, station, second!.csr), 503, 'storage-unavailable');
        const lot = await createResumingClient().send(service, {
          rows: [second!],
          token: station,
          batchId: 'lot',
        });
        expect([lot.ended, lot.status]).toEqual(['refused', 503]);
        const shown = await call(service, { path: before.headers.location ?? '', token: station });
        expect([shown.status, shown.json.certificate]).toEqual([200, before.json.certificate]);
      } finally {
        await reset();
      }
      expect((await requestOne(service, station, second!.csr)).status).toBe(201);
      expect(await service.stop()).toBe(0);
      await assertCaSound(service.database, { stopped: true });
    },
  );
});
