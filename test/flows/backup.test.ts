/** A backup of a service that works, put back elsewhere, and what has to be settled before it signs again. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { assertCaSound } from '../support/assert-ca-sound.ts';
import { databaseOf, engine, environmentOf } from '../support/engine.ts';
import {
  makeDevice,
  makeFleet,
  makeToken,
  requestCertificate,
  rowOf,
  type TestFleet,
} from '../support/fleet.ts';
import { openLot } from '../support/lot-upload.ts';
import { blocksOf, paste, workFolder } from '../support/paste-page.ts';
import { type Ran, runFleetca } from '../support/run-fleetca.ts';
import { type Service, startService, stopSound } from '../support/service.ts';

const PASSPHRASE = 'correct horse battery staple';
const blocks = blocksOf('backup.md');
const before = makeDevice('before');
const late = makeDevice('late');
const lateAndRevoked = makeDevice('late-and-revoked');

let old: Service;
let service: Service | undefined;
let fleet: TestFleet;
let place: { readonly cwd: string; readonly env: Record<string, string> };
let restored: string;
let seen: { readonly before: string; readonly number: bigint; readonly gone: string };

const at = (name: string): string => join(place.cwd, name);

const ask = (one: Service, device: typeof before) =>
  requestCertificate(one, fleet, { json: { csr: Buffer.from(device.csr).toString('base64') } });

const revoke = (one: Service, id: string) =>
  one.call('POST', `/v1/certificates/${id}/revoke`, {
    token: fleet.tokens.security,
    json: { reason: 'keyCompromise' },
  });

const lookUp = async (one: Service, deviceId: string): Promise<string> =>
  (await one.call('GET', `/v1/fleets/demo/devices/${deviceId}`, { token: fleet.tokens.security })).text();

/** The newest CRL of line-7, by OpenSSL's own reading. */
async function readCrl(one: Service): Promise<{ readonly number: bigint; readonly text: string }> {
  writeFileSync(at('line-7.crl'), (await one.call('GET', '/pki/demo/crl/line-7/1.crl')).body);
  const text = execFileSync('openssl', [
    'crl',
    '-inform',
    'DER',
    '-in',
    at('line-7.crl'),
    '-noout',
    '-text',
  ]).toString();
  return { number: BigInt(/X509v3 CRL Number: *\n? *(0x[0-9A-Fa-f]+|\d+)/.exec(text)?.[1] ?? '0'), text };
}

async function untilListed(
  one: Service,
  serial: string,
): Promise<{ readonly number: bigint; readonly text: string }> {
  for (let tries = 0; tries < 100; tries++) {
    const crl = await readCrl(one);
    if (crl.text.includes(serial.toUpperCase())) return crl;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${serial} does not get into the CRL`);
}

const run = (data: string, database: string, ...args: readonly string[]): Promise<Ran> =>
  runFleetca({ cwd: place.cwd, env: { FLEETCA_DATA: data, ...environmentOf(database) } }, ...args);

beforeAll(async () => {
  old = await startService();
  fleet = await makeFleet(old, 'demo');
  place = workFolder(await makeToken(old, { name: 'settles', role: 'security' }));
  writeFileSync(at('backup-passphrase'), `${PASSPHRASE}\n`, { mode: 0o600 });
  restored = join(place.cwd, 'restored');
});

afterAll(() => stopSound(service));

it('a backup is made while a lot comes in, and is whole', async () => {
  const issued = await ask(old, before);
  expect(issued.status).toBe(201);
  const lot = openLot(old, fleet, { key: 'lot-1' });
  let rows = 0;
  let ended = false;
  const load = (async () => {
    while (!ended) await lot.write(rowOf(makeDevice(`in-lot-${rows++}`).csr));
  })();
  const env = { ...place.env, ...environmentOf(old.database) };
  const out = await paste(blocks.slice(0, 1), { service: old, ...place, env });
  ended = true;
  await load;
  expect((await lot.finish()).status).toBe(200);
  expect(out).toContain('passphrase of the keys  in it');
  expect(statSync(at('fleetca.backup')).mode & 0o777).toBe(0o600);
  const octets = readFileSync(at('fleetca.backup'));
  expect(octets.includes('BEGIN ENCRYPTED PRIVATE KEY')).toBe(false);
  // What happens after it.
  seen = { before: await lookUp(old, 'before'), number: 0n, gone: '' };
  const results = await Promise.all([late, lateAndRevoked].map((device) => ask(old, device)));
  for (const one of results) {
    const { deviceId, serial } = one.json();
    appendFileSync(at('results.ndjson'), `${JSON.stringify({ deviceId, status: 'issued', serial })}\n`);
  }
  await revoke(old, issued.json().id);
  await revoke(old, results[1]?.json().id);
  const gone = String(results[1]?.json().serial);
  await untilListed(old, String(issued.json().serial));
  const crl = await untilListed(old, gone);
  seen = { ...seen, number: crl.number, gone };
  writeFileSync(at('crls.pem'), (await old.call('GET', '/pki/demo/crls.pem')).text());
  await stopSound(old);
});

it('nothing that is there is overwritten, neither a file nor a data folder', async () => {
  const by = ['fleetca.backup', '--passphrase-file', 'backup-passphrase'];
  const again = await run(old.data, old.database, 'backup', 'create', ...by);
  expect([again.status, again.err]).toEqual([2, expect.stringContaining('not overwritten')]);
  const there = await run(old.data, old.database, 'backup', 'restore', ...by);
  const why = engine === 'sqlite' ? 'There is a database' : 'holds keys';
  expect([there.status, there.err]).toEqual([2, expect.stringContaining(why)]);
});

it('put back elsewhere it reads as before, and signs nothing', async () => {
  const database = await databaseOf(restored);
  const env = { ...place.env, ...environmentOf(database) };
  const out = await paste(blocks.slice(1, 2), { service: old, ...place, env });
  expect(out).toMatch(/audit +holds/);
  await assertCaSound(database, { stopped: true });
  service = await startService({ data: restored });
  expect(await lookUp(service, 'before')).toBe(seen.before);
  expect((await ask(service, late)).json()).toMatchObject({
    code: 'restoration-not-settled',
    retryable: true,
  });
  const authority = await service.call('POST', '/v1/fleets/demo/authorities', {
    token: fleet.tokens.security,
    json: { name: 'line-8', kind: 'issuing' },
  });
  expect(authority.json().code).toBe('restoration-not-settled');
  expect((await service.call('GET', '/readyz')).json().code).toBe('restoration-not-settled');
  const status = await paste(blocks.slice(2, 3), { service, ...place });
  expect(status).toMatch(/state +unsettled/);
});

it('it is settled with the CRLs that gateways hold, and nothing is un-revoked', async () => {
  if (!service) throw new Error('nothing was put back');
  const without = await runFleetca(
    { cwd: place.cwd, env: { ...place.env, FLEETCA_URL: service.apiUrl, FLEETCA_DATA: service.data } },
    'backup',
    'settle',
    '--reason',
    'in a hurry',
  );
  expect([without.status, without.err]).toEqual([6, expect.stringContaining('demo/line-7/1')]);
  const out = await paste(blocks.slice(3, 4), { service, ...place });
  expect(out).toMatch(/^late /m);
  expect(out).toMatch(/state +settled/);
  const [, revoked = '', , unknown = ''] = /line-7 +1 +\d+ +(\d+) +(\d+) +(\d+)/.exec(out) ?? [];
  expect([revoked, unknown]).toEqual(['1', '1']);
  expect((await ask(service, before)).json().code).toBe('key-retired');
  const crl = await untilListed(service, seen.gone);
  expect(crl.number).toBeGreaterThan(seen.number);
  const issued = await ask(service, late);
  expect(issued.status).toBe(201);
  expect((await service.call('GET', '/readyz')).status).toBe(200);
});
