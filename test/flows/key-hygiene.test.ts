import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeKey, type TestKey } from '../support/csr.ts';
import { makeDevice, makeFleet, requestCertificate, rowOf, type TestFleet } from '../support/fleet.ts';
import { type LotUpload, openLot, sendLot } from '../support/lot-upload.ts';
import { type Service, startService, stopSound } from '../support/service.ts';

let service: Service;
let fleet: TestFleet;
let other: TestFleet;

beforeAll(async () => {
  service = await startService();
  fleet = await makeFleet(service, 'demo');
  other = await makeFleet(service, 'other');
});

afterAll(() => stopSound(service));

const rowFor = (deviceId: string, key: TestKey): string => rowOf(makeDevice(deviceId, key).csr);
const filler = (prefix: string): string => rowFor(prefix, makeKey());

const release = (key: TestKey) =>
  service.call(
    'POST',
    `/v1/fleets/demo/keys/${createHash('sha256').update(key.spki).digest('hex')}/release`,
    { token: fleet.tokens.security, json: { reason: 'the board was moved' } },
  );

const codesOf = async (upload: LotUpload): Promise<readonly string[]> =>
  (await upload.finish())
    .lines()
    .slice(0, -1)
    .map(({ status, problem }) => problem?.code ?? status);

/** Waits until so many rows of a lot are on record. */
async function untilRecorded(id: string, rows: number): Promise<void> {
  for (;;) {
    const answer = await service.call('GET', `/v1/batches/${id}`, { token: fleet.tokens.auditor });
    if (answer.status === 200 && answer.json().attempts[0].rows >= rows) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

it('between two lots in flight, the second device of a key is refused until a person releases it', async () => {
  const key = makeKey();
  const [one, two] = [openLot(service, fleet, { key: 'one' }), openLot(service, fleet, { key: 'two' })];
  await one.write(rowFor('flight-1', key));
  await untilRecorded('one', 1);
  await two.write(rowFor('flight-2', key));
  await untilRecorded('two', 1);
  expect((await release(key)).status).toBe(204);
  await two.write(rowFor('flight-2', key));
  await untilRecorded('two', 2);
  await one.write(rowFor('flight-1', key));
  expect(await codesOf(two)).toEqual(['key-of-another-device', 'issued']);
  expect(await codesOf(one)).toEqual(['issued', 'key-of-another-device']);
});

it('inside one lot the same', async () => {
  const key = makeKey();
  const lot = openLot(service, fleet, { key: 'inside' });
  await lot.write(rowFor('inside-1', key) + rowFor('inside-2', key));
  await untilRecorded('inside', 2);
  expect((await release(key)).status).toBe(204);
  await lot.write(rowFor('inside-2', key) + filler('inside-3'));
  expect(await codesOf(lot)).toEqual(['issued', 'key-of-another-device', 'issued', 'issued']);
});

it('a lot of copied images has one winner for each key, whatever goes beside it', async () => {
  const key = makeKey();
  const rows = (prefix: string) =>
    Array.from({ length: 40 }, (_, i) => rowFor(`${prefix}-${i}`, key)).join('');
  const lots = await Promise.all(
    ['a', 'b', 'c'].map((name) => sendLot(service, fleet, rows(`clone-${name}`))),
  );
  const counts = lots.map((answer) => answer.lines().at(-1).summary.issued);
  expect(counts.reduce((a, b) => a + b)).toBe(1);
});

it('a key of another fleet is a warning, in a lot and alone, that does not say which fleet', async () => {
  const key = makeKey();
  await requestCertificate(service, other, { body: makeDevice('elsewhere', key).csr });
  const alone = await requestCertificate(service, fleet, { body: makeDevice('warned', key).csr });
  expect(alone.status).toBe(201);
  expect(alone.json().warnings.join()).toMatch(/another fleet/);
  expect(alone.json().warnings.join()).not.toMatch(/other\b.*elsewhere|elsewhere/);
  const lines = (await sendLot(service, fleet, rowFor('warned', key) + filler('not-warned'))).lines();
  expect(lines[0].status).toBe('replayed');
  expect(lines[0].warnings.join()).toMatch(/another fleet/);
  expect(lines[1].warnings).toBeUndefined();
});
