/** What is revoked, alone, by device or by lot, and the CRLs that say so to who has nothing but plain HTTP. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { crlNumberOf, parseCrl, readRevokedEntries } from '../../src/x509/index.ts';
import { callPlain } from '../support/client.ts';
import { isLeftOut } from '../support/counterpart.ts';
import { deviceProfile } from '../support/decide.ts';
import {
  makeAuthority,
  makeDevice,
  makeFleet,
  requestCertificate,
  rowOf,
  type TestFleet,
} from '../support/fleet.ts';
import { opensslFolder } from '../support/openssl.ts';
import { runFleetca } from '../support/run-fleetca.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';

let service: Service;
let fleet: TestFleet;
const openssl = opensslFolder();

/** As an operator writes one: YAML holds JSON. */
const WITH_CRL = {
  ...deviceProfile(),
  name: 'with-crl',
  crlBaseUrl: 'http://pki.example.com:8080',
};

beforeAll(async () => {
  const data = scratchFolder();
  mkdirSync(join(data, 'profiles'));
  writeFileSync(join(data, 'profiles', 'with-crl.yaml'), JSON.stringify(WITH_CRL));
  service = await startService({ data });
  fleet = await makeFleet(service, 'demo');
});

afterAll(async () => {
  openssl.remove();
  await stopSound(service);
});

const plain = (target: string) => callPlain(String(service.publicUrl), 'GET', target, { headers: {} });
const line7 = async () => parseCrl((await plain('/pki/demo/crl/line-7/1.crl')).body);
const serialsOf = ({ entries }: { entries: Uint8Array }): readonly string[] =>
  [...readRevokedEntries(entries)].map(({ serial }) => Buffer.from(serial).toString('hex'));

/** The CRL of line-7, when it tells of so many. */
async function listOf(count: number): Promise<readonly string[]> {
  const until = Date.now() + 20_000;
  for (;;) {
    const serials = serialsOf(await line7());
    if (serials.length >= count || Date.now() > until) return serials;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

interface Issued {
  readonly id: string;
  readonly serial: string;
  readonly chain: string;
}

async function issue(deviceId: string, query = ''): Promise<Issued> {
  const answer = await requestCertificate(service, fleet, { body: makeDevice(deviceId).csr, query });
  return answer.json();
}

const revoke = (path: string, reason = 'keyCompromise') =>
  service.call('POST', `${path}/revoke`, { token: fleet.tokens.security, json: { reason } });

/** What OpenSSL says of a device as a gateway has it that reads trust bundle and CRLs. */
async function judge({ chain }: Issued): Promise<string> {
  const files = await Promise.all(['fleet-root.pem', 'crls.pem'].map((name) => plain(`/pki/demo/${name}`)));
  openssl.write('trust.pem', files.map((file) => file.text()).join(''));
  openssl.write('client.pem', chain);
  const flags = ['-x509_strict', '-crl_check_all', '-purpose', 'sslclient'];
  const { status, printed } = openssl.attempt(
    ...['verify', ...flags, '-CAfile', 'trust.pem', '-untrusted', 'client.pem', 'client.pem'],
  );
  return status === 0 ? 'OK' : printed;
}

it('a fleet has its CRLs from the beginning, one for each CA, and OpenSSL takes its devices', async () => {
  const file = (await plain('/pki/demo/crls.pem')).text();
  expect(file.match(/BEGIN X509 CRL/g)).toHaveLength(2);
  expect(await judge(await issue('good'))).toBe('OK');
});

it('a certificate that is revoked is in the next CRL, and refused by OpenSSL', async () => {
  const issued = await issue('lost');
  const before = crlNumberOf(await line7()) ?? 0;
  expect((await revoke(`/v1/certificates/${issued.serial}`)).status).toBe(200);
  expect(await listOf(1)).toEqual([issued.serial]);
  expect(crlNumberOf(await line7())).toBeGreaterThan(before);
  expect(await judge(issued)).toContain('certificate revoked');
  expect(await judge(await issue('still good'))).toBe('OK');
});

it('the certificates of a device are revoked together, and it keeps its history', async () => {
  const first = await issue('board');
  const second = await requestCertificate(service, fleet, {
    body: makeDevice('board').csr,
    query: '?supersede=swapped',
    token: fleet.tokens.security,
  });
  expect(second.status).toBe(201);
  const path = '/v1/fleets/demo/devices/board';
  const counts = { fleet: 'demo', device: 'board', reason: 'cessationOfOperation' };
  expect((await revoke(path, counts.reason)).json()).toEqual({ ...counts, revoked: 2, revokedBefore: 0 });
  expect((await revoke(path, counts.reason)).json()).toEqual({ ...counts, revoked: 0, revokedBefore: 2 });
  const device = (await service.call('GET', path, { token: fleet.tokens.auditor })).json();
  const marks = device.certificates.map((one: Record<string, string>) => [one.status, one.revocationReason]);
  expect(marks).toEqual([
    ['revoked', counts.reason],
    ['revoked', counts.reason],
  ]);
  expect(await listOf(3)).toContain(first.serial);
});

it('a lot is revoked from the command line, and none of another', async () => {
  const lot = Array.from({ length: 3 }, (_, i) => rowOf(makeDevice(`lot-${i}`).csr)).join('');
  await service.call('POST', '/v1/fleets/demo/batches', {
    token: fleet.tokens.station,
    type: 'application/x-ndjson',
    headers: { 'idempotency-key': 'lot-1' },
    body: lot,
  });
  const other = await issue('of no lot');
  const work = scratchFolder();
  writeFileSync(join(work, 'token'), fleet.tokens.security, { mode: 0o600 });
  const at = ['--url', service.apiUrl, '--ca-file', String(service.caFile), '--token-file', 'token'];
  const wish = ['revoke', '--batch', 'lot-1', '--reason', 'superseded'];
  const done = await runFleetca({ cwd: work }, ...wish, '--json', ...at);
  expect(JSON.parse(done.out)).toMatchObject({ batch: 'lot-1', revoked: 3, revokedBefore: 0 });
  expect((await runFleetca({ cwd: work }, ...wish, '--device', 'x', ...at)).status).toBe(2);
  expect(await listOf(6)).toHaveLength(6);
  expect(await judge(other)).toBe('OK');
});

it('a root that may not sign CRLs has none, and the file for the gateway is refused with the reason', async () => {
  await service.call('POST', '/v1/fleets', {
    token: service.admin,
    json: { name: 'manual', target: 'ota-connect' },
  });
  const security = { token: service.admin, json: { name: 'security', role: 'security', fleet: 'manual' } };
  const { token } = (await service.call('POST', '/v1/tokens', security)).json();
  const profile = 'ota-connect-manual-root';
  await makeAuthority(service, 'manual', token, { name: 'root', kind: 'root', profile });
  await makeAuthority(service, 'manual', token, { name: 'line', kind: 'issuing' });
  for (const target of ['/pki/manual/crls.pem', '/pki/manual/crl/root/1.crl']) {
    const answer = await service.call('GET', target);
    expect([answer.status, answer.code()]).toEqual([409, 'crl-not-possible']);
    expect(answer.json().detail).toContain('root (generation 1)');
  }
  expect((await plain('/pki/manual/crl/line/1.crl')).status).toBe(200);
});

it('a certificate names the address of its CRL where its profile says so, and the CRL is there', async () => {
  const { chain } = await issue('named', '?profile=with-crl');
  openssl.write('named.pem', chain);
  const text = openssl.run('x509', '-in', 'named.pem', '-noout', '-ext', 'crlDistributionPoints');
  const [, path = ''] = /URI:http:\/\/pki\.example\.com:8080(\S+)/.exec(text) ?? [];
  expect(path).toBe('/pki/demo/crl/line-7/1.crl');
  expect((await plain(path)).status).toBe(200);
  openssl.write('plain.pem', (await issue('unnamed')).chain);
  expect(openssl.run('x509', '-in', 'plain.pem', '-noout', '-text')).not.toContain('CRL Distribution');
});

it('what has no CRL is not found', async () => {
  for (const path of ['root/2.crl', 'nowhere/1.crl', 'root/x.crl', 'root/01.crl', 'root/1.pem'])
    expect((await plain(`/pki/demo/crl/${path}`)).status, path).toBe(404);
  expect((await plain('/pki/nowhere/crls.pem')).status).toBe(404);
});

it.skipIf(isLeftOut('openssl'))('the CRL verifies under its issuer, says OpenSSL', async () => {
  openssl.write('line.crl', (await plain('/pki/demo/crl/line-7/1.crl')).body);
  openssl.write('bundle.pem', (await plain('/pki/demo/trust-bundle.pem')).text());
  const said = openssl.attempt('crl', '-inform', 'DER', '-in', 'line.crl', '-noout', '-CAfile', 'bundle.pem');
  expect(said.printed).toContain('verify OK');
});
