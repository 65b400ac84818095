/** A fleet that an OpenSSL CA has certified comes in, renews, and goes over to keys of ours. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodePem } from '../../src/asn1/index.ts';
import { parseCertificates } from '../../src/x509/index.ts';
import { callAsDevice } from '../support/call-as-device.ts';
import { callPlain } from '../support/client.ts';
import { makeCsr, makeKey } from '../support/csr.ts';
import { anyRoot, makeToken } from '../support/fleet.ts';
import { type ForeignCa, foreignRoot } from '../support/foreign-ca.ts';
import { hierarchy } from '../support/hierarchy.ts';
import { opensslFolder } from '../support/openssl.ts';
import { blocksOf, paste } from '../support/paste-page.ts';
import { type Ran, runFleetca } from '../support/run-fleetca.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';

const openssl = opensslFolder();
const at = (...names: readonly string[]): string => join(openssl.folder, ...names);
const data = scratchFolder();
const DAY = 86_400_000;

let service: Service;
let security: string;
let root: ForeignCa;
let line: ForeignCa;

/** As `openssl ca` takes a time. */
const day = (days: number): string =>
  new Date(Date.now() + days * DAY)
    .toISOString()
    .replace(/[-:T]|\.\d+/g, '')
    .slice(0, 14)
    .concat('Z');

const serialOf = (file: string): string =>
  openssl.run('x509', '-in', `${file}.pem`, '-noout', '-serial').trim().replace('serial=', '');

/** One valid, one revoked, one that has ended, one to be renewed; one without its file, one doctored, one with a copied key. */
function makeOldFleet(): void {
  root = foreignRoot(openssl, 'old', 'Old Fleet Root');
  line = root.under('old/line', 'Old Fleet Line');
  for (const id of ['dev-1', 'dev-2', 'dev-4', 'dev-5']) line.issue(id, id);
  line.issue('dev-3', 'dev-3', '-startdate', day(-400), '-enddate', day(-35));
  line.issue('dev-7', 'dev-7', '-startdate', day(-300), '-enddate', day(10));
  const copy = ['-key', 'dev-1.key', '-out', 'copy.csr'];
  openssl.run('req', '-new', '-config', 'old/line/ca.cnf', '-subj', '/CN=dev-6', ...copy);
  openssl.run(
    'ca',
    '-batch',
    '-config',
    'old/line/ca.cnf',
    '-in',
    'copy.csr',
    '-notext',
    '-out',
    'copy.pem',
    '-days',
    '9',
  );
  line.revoke('dev-2', 'keyCompromise');
  line.crl();
  root.crl();
  openssl.run('ca', '-config', 'old/line/ca.cnf', '-updatedb');
  rmSync(at('old/line/newcerts', `${serialOf('dev-4')}.pem`));
  const [good] = parseCertificates(openssl.read('dev-5.pem'));
  const der = Uint8Array.from(good?.der ?? []);
  der[der.length - 1] = (der.at(-1) ?? 0) ^ 1;
  openssl.write(`old/line/newcerts/${serialOf('dev-5')}.pem`, encodePem('CERTIFICATE', der));
}

const start = async (): Promise<void> => {
  service = await startService({ data });
};

beforeAll(async () => {
  makeOldFleet();
  await start();
  security = await makeToken(service, { name: 'security', role: 'security' });
  openssl.write('security', security);
  for (const name of ['demo', 'held', 'many'])
    await service.call('POST', '/v1/fleets', { token: service.admin, json: { name, target: 'generic' } });
});

afterAll(async () => {
  openssl.remove();
  await stopSound(service);
});

const run = (...args: readonly string[]): Promise<Ran> =>
  runFleetca(
    {
      cwd: openssl.folder,
      env: { FLEETCA_URL: service.apiUrl, FLEETCA_TOKEN_FILE: at('security'), FLEETCA_DATA: service.data },
    },
    ...args,
  );

async function must(...args: readonly string[]): Promise<string> {
  const { status, out, err } = await run(...args);
  if (status !== 0) throw new Error(`${args.join(' ')}: ${status}\n${err}`);
  return `${out}${err}`;
}

const get = async (path: string) => (await service.call('GET', path, { token: security })).json();
const published = async (path: string): Promise<string> =>
  (await callPlain(String(service.publicUrl), 'GET', `/pki/${path}`)).text();

/** The page's commands, with the one wait of a day left out. */
const follow = (from: number, to: number): Promise<string> =>
  paste(blocksOf('migration.md').slice(from, to), {
    service,
    cwd: openssl.folder,
    env: { FLEETCA_TOKEN_FILE: at('security') },
    instead: { '--generation 2 # a day later': "--generation 2 --force 'tried'" },
  });

describe('an OpenSSL fleet whose root key stays away', () => {
  it('is said in numbers before anything happens', async () => {
    expect(await follow(0, 2)).toMatch(/would be imported +4\nknown +0\nwould be revoked +1\nrefused +3\n/);
    expect((await get('/v1/fleets/demo/certificates')).items).toEqual([]);
  });

  it('comes in, with what is wrong named one by one, and nothing twice', async () => {
    expect(await follow(2, 3)).toMatch(/imported +4\nknown +0\nrevoked by this +1\nrefused +3\n/);
    const again = await run('fleet', 'import', 'demo', '--openssl', 'old/line');
    expect([again.status, again.out]).toEqual([
      1,
      expect.stringMatching(/imported +0\nknown +4\nrevoked by this +0\nrefused +3\n/),
    ]);
    const [dev4, dev5] = [serialOf('dev-4'), serialOf('dev-5')];
    expect(again.err).toContain(`(serial ${dev4}): has no certificate`);
    expect(again.err).toMatch(new RegExp(`refused: bad-signature: .*${dev5}.*dev-5`));
    expect(again.err).toMatch(/refused: key-of-another-device: .*dev-6/);
    const { items } = await get('/v1/fleets/demo/certificates');
    const seen = items.map((one: Record<string, unknown>) => [one.deviceId, one.status, one.imported]);
    expect(seen.sort()).toEqual([
      ['dev-1', 'active', true],
      ['dev-2', 'revoked', true],
      ['dev-3', 'expired', true],
      ['dev-7', 'active', true],
    ]);
  });

  /** The old root's CRL is the one that came; this is the line's. */
  const lineCrl = async (): Promise<string> => {
    const blocks = (await published('demo/crls.pem')).split(/(?<=-----END X509 CRL-----\n)/).filter(Boolean);
    const texts = blocks.map((block) => {
      openssl.write('crl.pem', block);
      return openssl.run('crl', '-in', 'crl.pem', '-noout', '-text');
    });
    return texts.find((text) => /Issuer: CN ?= ?Old Fleet Line/.test(text)) ?? '';
  };

  it('the CRL that is signed here goes on above the old one, and lists what that listed', async () => {
    const listed = `Serial Number: ${serialOf('dev-2')}`;
    await expect.poll(lineCrl, { timeout: 30_000 }).toContain(listed);
    const [, number] = /CRL Number: *\n *(\d+)/.exec(await lineCrl()) ?? [];
    expect(Number(number)).toBeGreaterThan(0x0a);
  });

  it('goes over to keys that are held here, and old and new leaves verify', async () => {
    const said = await follow(3, 4);
    expect(said).toContain('active');
    const key = makeKey();
    const renewed = await callAsDevice(
      Number(new URL(String(service.mutualUrl)).port),
      {
        chain: openssl.read('dev-7.pem') + openssl.read('old/line/ca.pem'),
        key: openssl.read('dev-7.key'),
        root: anyRoot(service),
      },
      {
        method: 'POST',
        path: '/v1/fleets/demo/certificates/renew',
        headers: { 'Content-Type': 'application/pkcs10', Accept: 'application/pem-certificate-chain' },
        body: Buffer.from(makeCsr({ deviceId: 'dev-7', key })),
      },
    );
    expect([renewed.status, renewed.text]).toEqual([201, expect.stringContaining('BEGIN CERTIFICATE')]);
    openssl.write('renewed.pem', renewed.text);
    openssl.write('bundle.pem', await published('demo/trust-bundle.pem'));
    openssl.run('verify', '-CAfile', 'bundle.pem', '-untrusted', 'renewed.pem', 'renewed.pem');
    openssl.run('verify', '-CAfile', 'bundle.pem', '-untrusted', 'old/line/ca.pem', 'dev-1.pem');
    expect(openssl.run('x509', '-in', 'renewed.pem', '-noout', '-issuer')).toContain('demo line G2');
  });

  it('the old root stays as long as a certificate under it is valid, and counts it', async () => {
    const refused = await run('rotate', 'retire', 'root', '--fleet', 'demo', '--generation', '1');
    expect([refused.status, refused.err]).toEqual([5, expect.stringContaining('rotation-refused')]);
    const rehearsed = await run(
      'rotate',
      'rehearse',
      'line',
      '--fleet',
      'demo',
      '--generation',
      '1',
      '--step',
      'retire',
    );
    expect(rehearsed.out).toMatch(/certificates that stand +2\n/);
  });

  it('an imported certificate is revoked like any other', async () => {
    const { items } = await get('/v1/fleets/demo/certificates?deviceId=dev-1');
    await must('revoke', items[0].id, '--reason', 'cessationOfOperation');
    const { status } = await get(`/v1/certificates/${items[0].id}`);
    expect(status).toBe('revoked');
  });
});

it('a root whose key comes too signs its links, and a folder of any form is read', async () => {
  const other = foreignRoot(openssl, 'other', 'Other Root');
  other.issue('d-1', 'd-1');
  other.issue('unit d-2', 'd-2');
  mkdirSync(at('certs/nested'), { recursive: true });
  openssl.write(
    'certs/bundle.pem',
    openssl.read('d-1.key') + openssl.read('d-1.pem') + openssl.read('other/ca.pem'),
  );
  openssl.run('x509', '-in', 'd-2.pem', '-outform', 'DER', '-out', 'certs/nested/d-2.der');
  openssl.write('certs/nested/none.pem', 'nothing\n');
  const source = ['--certificates', 'certs', '--device-id-pattern', '[a-z]-[0-9]$'];
  const keys = ['--root', 'other/ca.pem', '--root-key', 'other/ca.key'];
  const taken = await run('fleet', 'import', 'held', ...keys, ...source, '--json');
  const lines = taken.out
    .trim()
    .split('\n')
    .map((one) => JSON.parse(one));
  expect(lines.at(-1).summary).toMatchObject({ entries: 4, imported: 2, authorities: 1, refused: 1 });
  expect(
    (await get('/v1/fleets/held/devices')).items.map(({ deviceId }: { deviceId: string }) => deviceId),
  ).toEqual(['d-1', 'd-2']);
  await must('rotate', 'stage', 'root', '--fleet', 'held');
  await must('rotate', 'publish', 'root', '--fleet', 'held', '--generation', '2');
  const { items } = await get('/v1/fleets/held/authorities');
  expect(items.map(({ links }: { links: readonly unknown[] }) => links.length)).toEqual([1, 1]);
});

it('a CSV and what Vault gives say the same', async () => {
  const third = foreignRoot(openssl, 'third', 'Third Root');
  await service.call('POST', '/v1/fleets', {
    token: service.admin,
    json: { name: 'third', target: 'generic' },
  });
  for (const id of ['v-1', 'v-2', 'v-3']) third.issue(id, id);
  openssl.write(
    'third.csv',
    'device_id,certificate,status,revoked_at,reason\nunit-1,v-1.pem,V,,\n,v-2.pem,R,2025-03-01T00:00:00Z,superseded\n,none.pem,V,,\n',
  );
  const vault = { certificate: openssl.read('v-3.pem'), revocation_time: 1_740_787_200 };
  openssl.write('vault.ndjson', `${JSON.stringify({ data: vault })}\n{"data":{}}\n`);
  const from = ['--csv', 'third.csv', '--vault', 'vault.ndjson'];
  const { status, out } = await run('fleet', 'import', 'third', '--root', 'third/ca.pem', ...from);
  expect([status, out]).toEqual([
    1,
    expect.stringMatching(/imported +3\nknown +0\nrevoked by this +2\nrefused +2\n/),
  ]);
  const { items } = await get('/v1/fleets/third/certificates');
  const seen = items.map((one: Record<string, unknown>) => [
    one.deviceId,
    one.revokedAt,
    one.revocationReason,
  ]);
  expect(seen.sort()).toEqual([
    ['unit-1', null, null],
    ['v-2', '2025-03-01T00:00:00Z', 'superseded'],
    ['v-3', '2025-03-01T00:00:00Z', 'unspecified'],
  ]);
  // Its key is away: a CRL from there is what gateways get.
  const [first] = (await get('/v1/fleets/third/certificates?deviceId=unit-1')).items;
  const revoked = await run('revoke', first.id, '--reason', 'keyCompromise');
  expect([revoked.status, revoked.err]).toEqual([
    0,
    expect.stringContaining('is offline: no CRL tells of this'),
  ]);
  third.revoke('v-1', 'keyCompromise');
  third.crl();
  const taken = await run('fleet', 'import', 'third', '--crl', 'third/crl.pem');
  expect(taken.status).toBe(0);
  openssl.write('third-crl.pem', await published('third/crls.pem'));
  expect(openssl.run('crl', '-in', 'third-crl.pem', '-noout', '-crlnumber').toLowerCase()).toContain('0x0a');
});

it('a service that is killed in the middle has nothing twice and nothing lost after the same command', async () => {
  const foreign = hierarchy(new Date());
  const ca = await foreign.authority('generic', 'fleet-root', 'Many Root');
  openssl.write('many.pem', encodePem('CERTIFICATE', ca.certificate.der));
  mkdirSync(at('many'));
  for (let i = 0; i < 1_000; i++)
    openssl.write(`many/${i}.pem`, encodePem('CERTIFICATE', await foreign.device(ca, `m-${i}`, makeKey())));
  const command = ['fleet', 'import', 'many', '--root', 'many.pem', '--certificates', 'many'] as const;
  const first = run(...command);
  for (let count = 0; count === 0; ) {
    const { items = [] } = await get('/v1/fleets/many/devices?limit=1');
    count = items.length;
  }
  await service.kill();
  expect((await first).status).not.toBe(0);
  await start();
  const second = await must(...command);
  const [, imported = '', known = ''] = /imported +(\d+)\nknown +(\d+)\n/.exec(second) ?? [];
  expect(Number(known)).toBeGreaterThan(0);
  expect(Number(imported) + Number(known)).toBe(1_000);
  expect(await must(...command)).toMatch(/imported +0\nknown +1000\n/);
});
