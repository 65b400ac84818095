/** The end of a key: its last CRL, which others read, and nothing that it could sign after that. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { callPlain } from '../support/client.ts';
import { makeDevice, makeFleet, requestCertificate, type TestFleet } from '../support/fleet.ts';
import { securityTeam } from '../support/rotate.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';

const work = scratchFolder();
const data = scratchFolder();
const at = (name: string): string => join(work, name);
let service: Service;
let fleet: TestFleet;

const { run, rotate, must } = securityTeam(work, () => service);

const openssl = (...args: readonly string[]): string => execFileSync('openssl', args, { encoding: 'utf8' });

interface Told {
  readonly keyId: string;
  readonly keyState: string;
  readonly fingerprint: string;
  readonly certificate: string;
  readonly notAfter: string;
}

const FIRST = ['line-7', '--generation', '1'] as const;
const line = async (): Promise<readonly Told[]> => {
  const path = '/v1/fleets/demo/authorities/line-7/generations';
  return (await service.call('GET', path, { token: fleet.tokens.security })).json().generations;
};
const first = async (): Promise<Told> => {
  const [one] = await line();
  if (!one) throw new Error('there is no line-7');
  return one;
};
const keyFile = ({ keyId }: Told): string => join(data, 'keys', `${keyId}.pem`);
const revoke = (id: string) =>
  service.call('POST', `/v1/certificates/${id}/revoke`, {
    token: fleet.tokens.security,
    json: { reason: 'cessationOfOperation' },
  });

const lastCrl = async (): Promise<Buffer> => {
  const answer = await callPlain(String(service.publicUrl), 'GET', '/pki/demo/crl/line-7/1.crl');
  if (answer.status !== 200) throw new Error(answer.text());
  writeFileSync(at('last.crl'), answer.body);
  return answer.body;
};

const serials: string[] = [];
beforeAll(async () => {
  service = await startService({ data });
  fleet = await makeFleet(service, 'demo');
  writeFileSync(at('security'), fleet.tokens.security, { mode: 0o600 });
  const answer = await requestCertificate(service, fleet, { body: makeDevice('unit-1').csr });
  const { id, serial } = answer.json();
  serials.push(serial);
  await must('stage', 'line-7');
  await must('publish', 'line-7', '--generation', '2');
  await must('activate', 'line-7', '--generation', '2', '--force', 'a drill');
  expect((await revoke(id)).status).toBe(200);
});
afterAll(() => stopSound(service));

it('a key is destroyed when nothing stands under it, by who confirms which it is, and says why', async () => {
  const { fingerprint } = await first();
  const sure = ['--confirm', fingerprint, '--reason', 'line 7 was rebuilt'] as const;
  const early = await rotate('destroy', ...FIRST, ...sure);
  expect([early.status, early.err]).toEqual([5, expect.stringContaining('generation 1 is draining')]);
  expect((await rotate('rehearse', ...FIRST, '--step', 'destroy')).status).toBe(3);
  await must('retire', ...FIRST);
  expect((await rotate('destroy', ...FIRST, '--reason', 'x')).status).toBe(2);
  const wrong = await rotate('destroy', ...FIRST, '--confirm', '00'.repeat(32), '--reason', 'x');
  expect([wrong.status, wrong.err]).toEqual([5, expect.stringContaining('another fingerprint')]);
  expect(existsSync(keyFile(await first()))).toBe(true);

  const go = await rotate('rehearse', ...FIRST, '--step', 'destroy');
  expect([go.status, go.out]).toEqual([
    0,
    expect.stringMatching(/^note +last-crl +- +A last CRL is signed first/m),
  ]);
  const said = await must('destroy', ...FIRST, ...sure);
  expect(said).toMatch(/CRL \d+ is its last, and holds until 20/);
  expect(existsSync(keyFile(await first()))).toBe(false);
  expect(readdirSync(join(data, 'keys')).filter((name) => name.startsWith('demo.line-7'))).toHaveLength(1);
  expect(await must('status', 'line-7')).toMatch(/^1 +retired, key destroyed +no /m);
});

it('OpenSSL reads the last CRL, which outlives its issuer and lists what was revoked', async () => {
  await lastCrl();
  const { certificate, notAfter } = await first();
  writeFileSync(at('issuer.pem'), certificate);
  const crl = (...what: readonly string[]) =>
    openssl('crl', '-inform', 'DER', '-in', at('last.crl'), '-noout', ...what);
  expect(crl('-text').toLowerCase()).toContain(`serial number: ${serials[0]}`);
  const end = new Date(crl('-nextupdate').trim().replace('nextUpdate=', ''));
  expect(end.getTime()).toBeGreaterThan(new Date(notAfter).getTime());
  const files = ['-in', at('last.crl'), '-CAfile', at('issuer.pem')];
  const { stdout, stderr } = spawnSync('openssl', ['crl', '-inform', 'DER', '-noout', ...files], {
    encoding: 'utf8',
  });
  expect(`${stdout}${stderr}`).toContain('verify OK');
});

it('nothing leads back, also not after a restart, and the same again changes nothing', async () => {
  const before = await lastCrl();
  await stopSound(service);
  service = await startService({ data });
  const back = await rotate('back', ...FIRST);
  expect([back.status, back.err]).toEqual([5, expect.stringContaining('there is no way back')]);
  const { fingerprint } = await first();
  const again = await must('destroy', ...FIRST, '--confirm', fingerprint, '--reason', 'again');
  expect(again).toMatch(/is its last/);
  expect(await lastCrl()).toEqual(before);
  // The one after it issues as before.
  const other = makeDevice('unit-2');
  expect((await requestCertificate(service, fleet, { body: other.csr })).status).toBe(201);
});

it('what is revoked under it from now on is in the ledger alone, and the answer says so', async () => {
  const found = await service.call('GET', '/v1/fleets/demo/certificates?deviceId=unit-1', {
    token: fleet.tokens.security,
  });
  const answer = await revoke(found.json().items[0].id);
  expect(answer.json().warnings).toEqual([
    expect.stringContaining('The key of line-7, generation 1, is destroyed: no CRL after its last one'),
  ]);
  const { out, err, status } = await run('revoke', found.json().items[0].id, '--reason', 'superseded');
  expect([status, `${out}${err}`.includes('The CRL says so within seconds')]).toEqual([0, false]);
});
