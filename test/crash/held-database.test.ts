import { existsSync, renameSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { openWriter } from '../../src/store/driver.ts';
import { assertCaSound } from '../support/assert-ca-sound.ts';
import { call, makeFleet, requestOne } from './calls.ts';
import { readLedgerFacts } from './ledger-facts.ts';
import { makeLot } from './lot.ts';
import { mountReadOnly, unmountAll, whyNoMount } from './scratch-mount.ts';
import { cleanUp, makeFolder, startRefused, startService } from './service-process.ts';

afterEach(() => {
  unmountAll();
  cleanUp();
});

/** SQLite's patience, and some for a machine with much to do. */
const MOST_WAIT_MS = 12_000;

test('a database that another process holds is waited for a while, then told as 503 with Retry-After', async () => {
  const service = await startService({ data: makeFolder(), transport: 'http' });
  const { station } = await makeFleet(service);
  const [first, second] = makeLot(2);
  const before = await requestOne(service, station, first!.csr);

  const holder = openWriter(service.database, () => undefined);
  try {
    holder.exec('BEGIN EXCLUSIVE');
    const began = performance.now();
    const answer = await requestOne(service, station, second!.csr);
    expect([answer.status, answer.json.code]).toEqual([503, 'busy']);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(performance.now() - began).toBeLessThan(MOST_WAIT_MS);
    const shown = await call(service, { path: before.headers.location ?? '', token: station });
    expect(shown.status).toBe(200);
    holder.exec('ROLLBACK');
  } finally {
    holder.close();
  }
  expect((await requestOne(service, station, second!.csr)).status).toBe(201);
  await service.stop();
  await assertCaSound(service.database, { stopped: true });
});

test('a service on a read-only folder refuses to start, and says why', async ({ skip }) => {
  const data = makeFolder();
  const why = whyNoMount(data);
  if (why !== undefined) skip(why);
  const service = await startService({ data, transport: 'http' });
  await service.stop();
  mountReadOnly(data);
  const refusal = await startRefused({ data });
  expect(refusal.code).toBe('storage-unavailable');
});

test('a database that was moved away is signed on no more', async () => {
  const service = await startService({ data: makeFolder(), transport: 'http' });
  const { station } = await makeFleet(service);
  const [first, second] = makeLot(2);
  expect((await requestOne(service, station, first!.csr)).status).toBe(201);

  renameSync(service.database, `${service.database}.moved`);
  const answer = await requestOne(service, station, second!.csr);
  expect([answer.status, answer.json.code]).toEqual([503, 'storage-unavailable']);
  await service.kill();
  expect(existsSync(service.database)).toBe(false);
  expect((await startRefused({ data: service.data })).name).toBe('StartRefusal');

  renameSync(`${service.database}.moved`, service.database);
  const again = await startService({ data: service.data, transport: 'http' });
  expect((await requestOne(again, station, second!.csr)).status).toBe(201);
  await again.stop();
  expect((await readLedgerFacts(again.database)).certificates.size).toBe(2);
  await assertCaSound(again.database, { stopped: true });
});
