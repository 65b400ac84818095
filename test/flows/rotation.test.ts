/** From one key of an issuing authority, and of a root, to the next, and back. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { callPlain } from '../support/client.ts';
import {
  makeAuthority,
  makeDevice,
  makeFleet,
  requestCertificate,
  rowOf,
  type TestFleet,
} from '../support/fleet.ts';
import { securityTeam } from '../support/rotate.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';

const work = scratchFolder();
const at = (name: string): string => join(work, name);
let service: Service;
let fleet: TestFleet;

const { run, rotate, must } = securityTeam(work, () => service);

/** A device's certificate and what it presents, PEM. */
async function issue(deviceId: string): Promise<{ readonly file: string; readonly issuer: string }> {
  const { csr } = makeDevice(deviceId);
  const answer = await requestCertificate(service, fleet, {
    json: { csr: Buffer.from(csr).toString('base64') },
    headers: { accept: 'application/pem-certificate-chain' },
  });
  if (answer.status !== 201) throw new Error(answer.text());
  writeFileSync(at(`${deviceId}.pem`), answer.text());
  const issuer = execFileSync('openssl', [
    'x509',
    '-noout',
    '-issuer',
    '-nameopt',
    'RFC2253',
    '-in',
    at(`${deviceId}.pem`),
  ]);
  return { file: at(`${deviceId}.pem`), issuer: issuer.toString().trim() };
}

const bundle = async (): Promise<string> =>
  (await callPlain(String(service.publicUrl), 'GET', `/pki/demo/trust-bundle.pem`)).text();
const countOf = (pem: string): number => pem.split('-----BEGIN').length - 1;

/** What OpenSSL says of a device at a gateway that trusts what is published now, with the CRLs of all its CAs. */
async function verdict(file: string): Promise<string> {
  writeFileSync(at('bundle.pem'), await bundle());
  writeFileSync(
    at('crls.pem'),
    (await callPlain(String(service.publicUrl), 'GET', `/pki/demo/crls.pem`)).text(),
  );
  const { stdout, stderr } = spawnSync(
    'openssl',
    [
      'verify',
      '-x509_strict',
      '-crl_check_all',
      '-purpose',
      'sslclient',
      '-CAfile',
      at('bundle.pem'),
      '-CRLfile',
      at('crls.pem'),
      '-untrusted',
      file,
      file,
    ],
    { encoding: 'utf8' },
  );
  return `${stdout}${stderr}`;
}

beforeAll(async () => {
  service = await startService();
  fleet = await makeFleet(service, 'demo');
  writeFileSync(at('security'), fleet.tokens.security, { mode: 0o600 });
});
afterAll(() => stopSound(service));

it('an issuing authority gets another key while a lot runs, and every device is accepted before, meanwhile and after', async () => {
  const before = await issue('before');
  expect(await must('stage', 'line-7')).toContain(
    'Next: fleetca rotate publish line-7 --fleet demo --generation 2',
  );
  expect(await rotate('stage', 'line-7')).toMatchObject({ status: 5 });
  const early = await rotate('activate', 'line-7', '--generation', '2');
  expect([early.status, early.err]).toEqual([5, expect.stringContaining('generation 2 is staged')]);
  const trusted = countOf(await bundle());
  await must('publish', 'line-7', '--generation', '2');
  expect(countOf(await bundle())).toBe(trusted + 1);
  const soon = await rotate('activate', 'line-7', '--generation', '2');
  expect([soon.status, soon.err]).toEqual([5, expect.stringContaining('gateways have until')]);

  const acknowledged = await must(
    ...(['acknowledge', 'line-7', '--generation', '2', '--gateway', 'gateway.example.com:8000'] as const),
    ...(['--word', 'J. Doe saw it load the file'] as const),
  );
  expect(acknowledged).toMatch(/2 +gateway.example.com:8000 +20.*word +J. Doe saw it load the file/);

  const lot = service.call('POST', '/v1/fleets/demo/batches?authority=line-7', {
    token: fleet.tokens.station,
    type: 'application/x-ndjson',
    body: Array.from({ length: 600 }, (_, i) => rowOf(makeDevice(`in-lot-${i}`).csr)).join(''),
  });
  await must('activate', 'line-7', '--generation', '2', '--force', 'no gateway has read the bundle yet');
  const text = (await lot).text();
  expect(JSON.parse(text.trimEnd().split('\n').at(-1) ?? '').summary).toMatchObject({
    rows: 600,
    issued: 600,
  });

  const after = await issue('after');
  expect([before.issuer, after.issuer]).toEqual(['issuer=CN=demo line-7 G1', 'issuer=CN=demo line-7 G2']);
  for (const { file } of [before, after]) expect(await verdict(file)).toContain(': OK');
  const early1 = await rotate('retire', 'line-7', '--generation', '1');
  expect([early1.status, early1.err]).toEqual([
    5,
    expect.stringContaining('Certificates stand under generation 1'),
  ]);
});

it('goes back, and what was issued meanwhile is accepted still', async () => {
  await must('back', 'line-7', '--generation', '2');
  const again = await issue('again');
  expect(again.issuer).toBe('issuer=CN=demo line-7 G1');
  expect(await verdict(at('after.pem'))).toContain(': OK');
  const out = await rotate('back', 'line-7', '--generation', '2');
  expect([out.status, out.err]).toEqual([
    5,
    expect.stringContaining('Certificates stand under generation 2'),
  ]);
  const status = await must('status', 'line-7');
  expect(status).toMatch(/^1 +active .*CN=demo line-7 G1/m);
  expect(status).toMatch(/^2 +published /m);
  expect(status).toMatch(/2 +activate +published +active .*no gateway has read the bundle yet/);
});

it('a root is rotated likewise: both are trusted, and authorities are made under the new one', async () => {
  await must('stage', 'root', '--key-algorithm', 'ec-p384');
  expect((await callPlain(String(service.publicUrl), 'GET', '/pki/demo/links.pem')).status).toBe(404);
  await must('publish', 'root', '--generation', '2');
  await must('activate', 'root', '--generation', '2', '--force', 'test');
  await makeAuthority(service, 'demo', fleet.tokens.security, { name: 'line-8', kind: 'issuing' });
  const published = (await callPlain(String(service.publicUrl), 'GET', `/pki/demo/fleet-root.pem`)).text();
  writeFileSync(at('root.pem'), published);
  expect(
    execFileSync('openssl', ['x509', '-noout', '-subject', '-in', at('root.pem')], { encoding: 'utf8' }),
  ).toContain('demo G2');
  const retire = await rotate('retire', 'root', '--generation', '1');
  expect([retire.status, retire.err]).toEqual([
    5,
    expect.stringContaining('line-7, generation 1 stands under generation 1'),
  ]);
  expect(await verdict(at('before.pem'))).toContain(': OK');
});

/** What OpenSSL says of a device at a verifier that trusts these certificates alone, and may use others on the way. */
function judged(file: string, root: string, ...others: readonly string[]): string {
  const untrusted = [file, ...others].flatMap((name) => ['-untrusted', name]);
  const { stdout, stderr } = spawnSync(
    'openssl',
    ['verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', root, ...untrusted, file],
    { encoding: 'utf8' },
  );
  return `${stdout}${stderr}`;
}

it('links lead from either root to the other, and devices made meanwhile send the one that is due', async () => {
  const [newRoot = '', oldRoot = ''] = (await bundle())
    .split(/(?=-----BEGIN)/)
    .slice(0, 2)
    .reverse();
  writeFileSync(at('old-root.pem'), oldRoot);
  writeFileSync(at('new-root.pem'), newRoot);
  writeFileSync(
    at('links.pem'),
    (await callPlain(String(service.publicUrl), 'GET', '/pki/demo/links.pem')).text(),
  );
  expect(countOf(readFileSync(at('links.pem'), 'utf8'))).toBe(2);
  // Made before the rotation, and sends no link: a verifier with the new root alone is given it.
  expect(judged(at('before.pem'), at('old-root.pem'))).toContain(': OK');
  expect(judged(at('before.pem'), at('new-root.pem'))).toContain('unable to get');
  expect(judged(at('before.pem'), at('new-root.pem'), at('links.pem'))).toContain(': OK');

  const { csr } = makeDevice('of-line-8');
  const answer = await requestCertificate(service, fleet, {
    json: { csr: Buffer.from(csr).toString('base64'), authority: 'line-8' },
    headers: { accept: 'application/pem-certificate-chain' },
  });
  writeFileSync(at('of-line-8.pem'), answer.text());
  expect(countOf(answer.text())).toBe(3);
  for (const root of ['old-root.pem', 'new-root.pem'])
    expect(judged(at('of-line-8.pem'), at(root))).toContain(': OK');
  await run('bundle', 'of-line-8', '--fleet', 'demo', '--out', at('of-line-8.zip'));
  for (const root of ['old-root.pem', 'new-root.pem']) {
    const checked = await run('check', at('of-line-8.zip'), '--trust', at(root), '--json');
    expect(checked.out, root).toContain('"verdict":"pass"');
  }
});

it('a step is rehearsed, and nothing changes by it; the forecast says what ends when', async () => {
  const before = await must('status', 'line-7');
  const refused = await rotate('rehearse', 'line-7', '--generation', '1', '--step', 'retire');
  expect([refused.status, refused.out]).toEqual([3, expect.stringMatching(/^verdict +NO-GO$/m)]);
  expect(refused.out).toMatch(/stop +refused +- +retire is for a generation that is draining/);
  const staged = await rotate('rehearse', 'line-7', '--generation', '2', '--step', 'activate', '--json');
  expect(JSON.parse(staged.out)).toMatchObject({ step: 'activate', verdict: 'no-go', changes: [] });
  expect(await must('status', 'line-7')).toBe(before);

  const told = await run('forecast', '--fleet', 'demo');
  expect(told).toMatchObject({ status: 0 });
  expect(told.out).toMatch(/^[0-9]{4}-[0-9]{2} +[1-9][0-9]* +█/m);
  expect(told.out).toMatch(/^root G2 +root +active /m);
  expect(told.out).toContain('If nobody does anything (a certificate lives 365 days):');
  const all = await run('forecast', '--json');
  expect(JSON.parse(all.out)).toMatchObject({ fleet: 'demo', later: 0 });
});
