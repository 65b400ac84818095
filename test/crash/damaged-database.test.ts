import { randomBytes } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { openWriter } from '../../src/store/driver.ts';
import { makeFleet, requestOne } from './calls.ts';
import { makeLot } from './lot.ts';
import { beginService, cleanUp, makeFolder, type ServiceOptions, startService } from './service-process.ts';

afterEach(cleanUp);

const PAGE = 4096;

function overwrite(file: string, from: number, to: number): void {
  const handle = openSync(file, 'r+');
  writeSync(handle, randomBytes(to - from), 0, to - from, from);
  closeSync(handle);
}

/** What can become of a database file that lay still. */
const DAMAGES: readonly (readonly [string, (file: string) => void])[] = [
  ['whose header is overwritten', (file) => overwrite(file, 0, 100)],
  ['whose pages after the first are overwritten', (file) => overwrite(file, PAGE, statSync(file).size)],
  [
    'that was cut off in the middle',
    (file) => truncateSync(file, Math.floor(statSync(file).size / PAGE / 2) * PAGE),
  ],
  ['that was cut off to nothing', (file) => truncateSync(file, 0)],
  ['that is something else', (file) => writeFileSync(file, 'this is no database\n'.repeat(1000))],
];

test('a damaged database is never signed on, and never begun anew', async () => {
  const data = makeFolder();
  const signingRecord = join(data, 'signing-record');
  const options: ServiceOptions = { data, transport: 'http', signingRecord };
  const service = await startService(options);
  const { station } = await makeFleet(service);
  const [first, second] = makeLot(2);
  await requestOne(service, station, first!.csr);
  await service.stop();
  const sound = join(data, 'sound.sqlite');
  copyFileSync(service.database, sound);

  for (const [what, damage] of DAMAGES) {
    damage(service.database);
    writeFileSync(signingRecord, '');
    const starting = await beginService(options);
    const answer = await starting.answer;
    if (answer && !('refusal' in answer)) {
      const asked = await requestOne(answer, station, second!.csr);
      expect([what, asked.status]).toEqual([what, 503]);
      await answer.stop();
    } else expect([what, answer?.refusal.code]).toEqual([what, 'storage-unavailable']);
    const signed = readFileSync(signingRecord, 'latin1').split('\n');
    const name = Buffer.from(second!.deviceId).toString('hex');
    expect(signed.filter((line) => line.includes(name))).toEqual([]);
    await starting.kill();
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${service.database}${suffix}`, { force: true });
    copyFileSync(sound, service.database);
  }
  const healed = await startService(options);
  expect((await requestOne(healed, station, second!.csr)).status).toBe(201);
  await healed.stop();
});

test('a service under which the database is overwritten stops writing when it meets that', async () => {
  const service = await startService({ data: makeFolder(), transport: 'http' });
  const { station } = await makeFleet(service);
  const [first, second, third] = makeLot(3);
  expect((await requestOne(service, station, first!.csr)).status).toBe(201);

  // Somebody else's write makes the service read its pages anew; all but the first are overwritten.
  const other = openWriter(service.database, () => undefined);
  other.exec('CREATE TABLE stranger (x)');
  other.pragma('wal_checkpoint(TRUNCATE)');
  overwrite(service.database, PAGE, statSync(service.database).size);
  for (const { csr } of [second!, third!]) {
    const answer = await requestOne(service, station, csr);
    expect([answer.status, answer.json?.code]).toEqual([503, 'storage-unavailable']);
  }
  await service.kill();
  other.close();
});
