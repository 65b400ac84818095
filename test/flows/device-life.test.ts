/** Devices over time: scrapped and taken back, with another board, and serials that a crash left behind. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseCrl, readRevokedEntries } from '../../src/x509/index.ts';
import { callPlain } from '../support/client.ts';
import {
  makeDevice,
  makeFleet,
  makeToken,
  requestCertificate,
  rowOf,
  type TestFleet,
} from '../support/fleet.ts';
import { blocksOf, paste, workFolder } from '../support/paste-page.ts';
import { runFleetca } from '../support/run-fleetca.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';

let service: Service;
let fleet: TestFleet;

beforeAll(async () => {
  service = await startService();
  fleet = await makeFleet(service, 'demo');
});
afterAll(() => stopSound(service));

const path = (deviceId: string): string => `/v1/fleets/demo/devices/${deviceId}`;
const say = (target: string, json: unknown, token = fleet.tokens.security) =>
  service.call('POST', target, { token, json });
const show = async (deviceId: string) =>
  (await service.call('GET', path(deviceId), { token: fleet.tokens.auditor })).json();
const marksOf = async (deviceId: string) =>
  (await show(deviceId)).certificates.map((one: Record<string, string>) => [
    one.status,
    one.revocationReason,
  ]);

const issue = async (deviceId: string, json: Record<string, unknown> = {}, token = fleet.tokens.security) => {
  const csr = Buffer.from(makeDevice(deviceId).csr).toString('base64');
  return requestCertificate(service, fleet, { json: { csr, ...json }, token });
};

/** The serial numbers on the CRL of line-7, when one is among them. */
async function listed(serial: string): Promise<readonly string[]> {
  const until = Date.now() + 20_000;
  for (;;) {
    const der = (await callPlain(String(service.publicUrl), 'GET', '/pki/demo/crl/line-7/1.crl', {})).body;
    const serials = [...readRevokedEntries(parseCrl(der).entries)].map((entry) =>
      Buffer.from(entry.serial).toString('hex'),
    );
    if (serials.includes(serial) || Date.now() > until) return serials;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

it('a scrapped device is refused, alone and as a row, until it is taken back', async () => {
  await issue('scrap-1');
  expect((await say(`${path('scrap-1')}/scrap`, { reason: 'burnt' })).json()).toMatchObject({
    state: 'scrapped',
    changes: [{ state: 'scrapped', reason: 'burnt' }],
    certificates: [{ status: 'revoked', revocationReason: 'cessationOfOperation' }],
  });
  const again = await say(`${path('scrap-1')}/scrap`, { reason: 'burnt again' });
  expect(again.json().changes).toHaveLength(1);
  const refused = await issue('scrap-1', { supersede: { reason: 'try' } });
  expect([refused.status, refused.code()]).toEqual([409, 'device-scrapped']);
  const lot = await service.call('POST', '/v1/fleets/demo/batches', {
    token: fleet.tokens.station,
    type: 'application/x-ndjson',
    headers: { 'idempotency-key': 'lot-scrapped' },
    body: rowOf(makeDevice('scrap-1').csr) + rowOf(makeDevice('scrap-2').csr),
  });
  const rows = lot
    .text()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(rows.slice(0, 2)).toMatchObject([
    { status: 'refused', problem: { code: 'device-scrapped' } },
    { status: 'issued' },
  ]);
  const back = await say(`${path('scrap-1')}/reinstate`, { reason: 'repaired' });
  expect(back.json()).toMatchObject({
    state: 'active',
    changes: [
      { state: 'active', reason: 'repaired' },
      { state: 'scrapped', reason: 'burnt' },
    ],
  });
  expect((await issue('scrap-1', { supersede: { reason: 'new board' } })).status).toBe(201);
  expect(await marksOf('scrap-1')).toEqual([
    ['active', null],
    ['revoked', 'cessationOfOperation'],
  ]);
});

it('a device is scrapped and taken back from the command line', async () => {
  await issue('scrap-cli');
  const work = scratchFolder();
  writeFileSync(join(work, 'token'), fleet.tokens.security, { mode: 0o600 });
  const at = ['--url', service.apiUrl, '--ca-file', String(service.caFile), '--token-file', 'token'];
  const run = (...args: readonly string[]) => runFleetca({ cwd: work }, ...args, '--fleet', 'demo', ...at);
  const scrapped = await run('device', 'scrap', 'scrap-cli', '--reason', 'burnt', '--json');
  expect(JSON.parse(scrapped.out)).toMatchObject({ deviceId: 'scrap-cli', state: 'scrapped' });
  const shown = await run('device', 'show', 'scrap-cli');
  expect(shown.out).toMatch(/scrapped by [0-9a-f]{16}: burnt/);
  const missing = await run('device', 'scrap', 'nobody', '--reason', 'x');
  expect(missing.status).toBe(4);
  const back = await run('device', 'reinstate', 'scrap-cli', '--reason', 'repaired', '--json');
  expect(JSON.parse(back.out)).toMatchObject({ state: 'active' });
});

it('a board swap keeps the old certificate, or revokes it with the new one, as it says', async () => {
  for (const [revokeOld, due] of [
    [undefined, 'superseded'],
    ['never', 'superseded'],
    ['now', 'revoked'],
    ['after-handshake', 'superseded'],
  ] as const) {
    const id = `swap-${revokeOld}`;
    const first = (await issue(id)).json();
    const next = await issue(id, { supersede: { reason: 'board', revokeOld } });
    expect(next.json().supersede).toEqual({ reason: 'board', revokeOld: revokeOld ?? 'never' });
    expect(
      (await marksOf(id)).map(([status]: string[]) => status),
      id,
    ).toEqual(['active', due]);
    if (due === 'revoked') expect(await listed(first.serial)).toContain(first.serial);
  }
});

it('a gateway’s token says that the new one was seen, and does nothing else', async () => {
  const first = (await issue('seen')).json();
  const next = (await issue('seen', { supersede: { reason: 'board', revokeOld: 'after-handshake' } })).json();
  const wish = { name: 'gateway', role: 'auditor', fleet: 'demo', rights: ['report-handshakes'] };
  const gateway = await makeToken(service, wish);
  const see = (token: string) => service.call('POST', `/v1/certificates/${next.id}/seen`, { token });
  expect((await see(fleet.tokens.station)).status).toBe(404);
  expect((await see(fleet.tokens.auditor)).status).toBe(404);
  const seen = await see(gateway);
  expect([seen.status, seen.json().revoked]).toEqual([200, 1]);
  expect((await see(gateway)).json()).toMatchObject({ revoked: 0, seenAt: seen.json().seenAt });
  expect(await marksOf('seen')).toEqual([
    ['active', null],
    ['revoked', 'superseded'],
  ]);
  expect(await listed(first.serial)).toContain(first.serial);
  expect((await say(`${path('seen')}/scrap`, { reason: 'x' }, gateway)).status).toBe(404);
});

it('a raw request says it by query, and not without a reason', async () => {
  await issue('raw');
  const ask = (query: string) =>
    requestCertificate(service, fleet, {
      body: makeDevice('raw').csr,
      query,
      token: fleet.tokens.security,
    });
  const refused = await ask('?revokeOld=now');
  expect([refused.status, refused.code()]).toEqual([400, 'bad-request']);
  expect((await ask('?supersede=board&revokeOld=now')).status).toBe(201);
  expect(await marksOf('raw')).toEqual([
    ['active', null],
    ['revoked', 'superseded'],
  ]);
});

it('every command of docs/device-life.md works as it stands', async () => {
  expect((await issue('VIN-0001')).status).toBe(201);
  const place = workFolder(fleet.tokens.security);
  writeFileSync(join(place.cwd, 'admin.token'), service.admin, { mode: 0o600 });
  await paste(blocksOf('device-life.md'), { service, ...place });
  const device = await show('VIN-0001');
  expect(device.changes.map(({ state }: { state: string }) => state)).toEqual(['active', 'scrapped']);
  expect(device.certificates).toMatchObject([
    { supersede: { reason: 'board swapped', revokeOld: 'after-handshake' }, seenAt: expect.any(String) },
    { revocationReason: 'superseded' },
  ]);
});
