import { afterEach, expect, test } from 'vitest';
import { assertCaSound } from '../support/assert-ca-sound.ts';
import { isLeftOut } from '../support/counterpart.ts';
import { call, makeFleet, requestOne } from './calls.ts';
import { makeLot } from './lot.ts';
import { cleanUp, makeFolder, startService } from './service-process.ts';

afterEach(cleanUp);

test.skipIf(isLeftOut('faketime'))(
  'a clock set back by a day issues nothing until it is right, and reads go on',
  async () => {
    const data = makeFolder();
    const service = await startService({ data, transport: 'http' });
    const { station } = await makeFleet(service);
    const [first, second] = makeLot(2);
    const before = await requestOne(service, station, first!.csr);
    await service.stop();

    const behind = await startService({
      data,
      transport: 'http',
      under: ['faketime', '-f', '-1d'],
      env: { FAKETIME_DONT_FAKE_MONOTONIC: '1' },
    });
    const answer = await requestOne(behind, station, second!.csr);
    expect([answer.status, answer.json.code]).toEqual([503, 'clock-behind']);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    const shown = await call(behind, { path: before.headers.location ?? '', token: station });
    expect(shown.status).toBe(200);
    await behind.stop();

    const right = await startService({ data, transport: 'http' });
    expect((await requestOne(right, station, second!.csr)).status).toBe(201);
    await right.stop();
    await assertCaSound(right.database, { stopped: true });
  },
);
