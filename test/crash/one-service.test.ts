import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { assertCaSound } from '../support/assert-ca-sound.ts';
import { makeFleet, requestOne } from './calls.ts';
import { makeLot } from './lot.ts';
import { beginService, cleanUp, makeFolder, startRefused, startService } from './service-process.ts';

afterEach(cleanUp);

test('a second service on the same data is refused, and a lock that a kill left is none', async () => {
  const data = makeFolder();
  const service = await startService({ data, transport: 'http' });
  const { station } = await makeFleet(service);
  const [first, second] = makeLot(2);
  expect((await requestOne(service, station, first!.csr)).status).toBe(201);
  expect((await startRefused({ data })).code).toBe('busy');
  expect((await requestOne(service, station, second!.csr)).status).toBe(201);

  await service.kill();
  const again = await startService({ data, transport: 'http' });
  expect((await requestOne(again, station, first!.csr)).status).toBe(200);
  await again.stop();
  await assertCaSound(again.database, { stopped: true });
});

test('a first start that is killed again and again ends in a service with everything in place', async () => {
  const data = makeFolder();
  for (let ms = 250; ms <= 1_500; ms += 250) {
    const starting = await beginService({ data });
    await sleep(ms);
    await starting.kill();
  }
  const service = await startService({ data });
  const { station } = await makeFleet(service);
  const [first] = makeLot(1);
  expect((await requestOne(service, station, first!.csr)).status).toBe(201);
  await service.stop();
  await assertCaSound(service.database, { stopped: true });
});
