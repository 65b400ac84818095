import { afterEach, expect, test } from 'vitest';
import { assertCaSound } from '../support/assert-ca-sound.ts';
import { call, makeFleet, requestOne } from './calls.ts';
import { doubledIn, missingFrom, readLedgerFacts } from './ledger-facts.ts';
import { makeLot } from './lot.ts';
import { createResumingClient } from './resuming-client.ts';
import { fill, mountSmall, unmountAll, whyNoMount } from './scratch-mount.ts';
import { cleanUp, makeFolder, startService } from './service-process.ts';

afterEach(() => {
  unmountAll();
  cleanUp();
});

const MEBIBYTES = 12;

test('a full disk is told as 507, nothing is half recorded, reads go on, and room heals it', async ({
  skip,
}) => {
  const data = makeFolder();
  const why = whyNoMount(data);
  if (why !== undefined) skip(why);
  mountSmall(data, MEBIBYTES);
  const service = await startService({ data, transport: 'http' });
  const { station } = await makeFleet(service);
  const [first, ...others] = makeLot(49);
  const before = await requestOne(service, station, first!.csr);
  expect(before.status).toBe(201);

  const makeRoom = fill(data, 0);
  const refused = [];
  for (const row of others) {
    const answer = await requestOne(service, station, row.csr);
    if (answer.status !== 201) refused.push({ row, answer });
    if (refused.length >= 3) break;
  }
  expect(refused.map(({ answer }) => [answer.status, answer.json.code])).toEqual(
    Array.from({ length: 3 }, () => [507, 'storage-full']),
  );
  expect((await call(service, { path: '/readyz' })).json).toMatchObject({
    status: 507,
    code: 'storage-full',
  });
  const shown = await call(service, { path: before.headers.location ?? '', token: station });
  expect([shown.status, shown.json.certificate]).toEqual([200, before.json.certificate]);
  const lot = await createResumingClient().send(service, { rows: others, token: station, batchId: 'early' });
  expect([lot.ended, lot.status]).toEqual(['refused', 507]);

  makeRoom();
  expect((await call(service, { path: '/readyz' })).status).toBe(200);
  for (const { row } of refused) expect((await requestOne(service, station, row.csr)).status).toBe(201);
  await service.stop();
  expect(doubledIn(await readLedgerFacts(service.database))).toEqual([]);
  await assertCaSound(service.database, { stopped: true });
});

test('a lot that a full disk stopped goes on where it was when there is room', async ({ skip }) => {
  const data = makeFolder();
  const why = whyNoMount(data);
  if (why !== undefined) skip(why);
  mountSmall(data, MEBIBYTES);
  const service = await startService({ data, transport: 'http' });
  const { station } = await makeFleet(service);
  const rows = makeLot(1_500);
  const client = createResumingClient();
  const sending = { rows, token: station, batchId: 'lot' };

  // Room for part of the lot.
  const makeRoom = fill(data, 600 * 1024);
  const { ended, code } = await client.send(service, sending);
  expect([ended, code]).toEqual(['problem', 'storage-full']);
  expect(client.held.size).toBeLessThan(rows.length);
  makeRoom();
  expect(await client.send(service, sending)).toMatchObject({ ended: 'whole', failed: 0 });
  await service.stop();

  const facts = await readLedgerFacts(service.database);
  expect(client.complaints).toEqual([]);
  expect(client.held.size).toBe(rows.filter(({ good }) => good).length);
  expect([missingFrom(facts, client.held), doubledIn(facts)]).toEqual([[], []]);
  await assertCaSound(service.database, { stopped: true });
});
