import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { assertCaSound } from '../support/assert-ca-sound.ts';
import { makeFleet, requestOne } from './calls.ts';
import { doubledIn, missingFrom, readLedgerFacts } from './ledger-facts.ts';
import { makeLot } from './lot.ts';
import { createResumingClient } from './resuming-client.ts';
import { cleanUp, makeFolder, startService } from './service-process.ts';

afterEach(cleanUp);

test('SIGTERM under load drains: exit status 0, nothing lost, nothing doubled', async () => {
  const data = makeFolder();
  const service = await startService({ data });
  const { station } = await makeFleet(service);
  const rows = makeLot(1_000, 'lot');
  const client = createResumingClient();
  const sending = { rows, token: station, batchId: 'lot' };
  const singles = makeLot(49, 'single');
  const handed = new Map<string, string>();

  const lot = client.send(service, sending);
  const asked = singles.map(async ({ deviceId, csr }, i) => {
    await sleep(i * 15);
    // A service that ends takes no more connections: then there is no answer, or a refusal.
    const answer = await requestOne(service, station, csr).catch(() => undefined);
    if (answer?.status === 201) handed.set(deviceId, answer.json.certificate);
    return answer?.status;
  });
  await sleep(300);
  expect(await service.stop()).toBe(0);
  expect(
    (await Promise.all(asked)).filter((status) => status !== undefined && status >= 500 && status !== 503),
  ).toEqual([]);
  await lot;
  const drained = await readLedgerFacts(service.database);
  expect([missingFrom(drained, client.held), missingFrom(drained, handed)]).toEqual([[], []]);
  // Every signature was completed: nothing was cut between intent and certificate.
  expect(drained.states.open).toBeUndefined();

  const again = await startService({ data });
  expect(await client.send(again, sending)).toMatchObject({ ended: 'whole', failed: 0 });
  await again.stop();
  expect(client.complaints).toEqual([]);
  expect(doubledIn(await readLedgerFacts(again.database))).toEqual([]);
  await assertCaSound(again.database, { stopped: true });
});
