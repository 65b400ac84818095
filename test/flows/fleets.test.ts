import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { anyRoot, makeDevice, makeFleet, makeToken, requestCertificate } from '../support/fleet.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';

let service: Service;
let security: string;
let station: string;

const createFleet = (json: unknown) => service.call('POST', '/v1/fleets', { token: service.admin, json });
const createAuthority = (fleet: string, json: unknown) =>
  service.call('POST', `/v1/fleets/${fleet}/authorities`, { token: security, json });

beforeAll(async () => {
  service = await startService();
  security = await makeToken(service, { name: 'security', role: 'security' });
});

afterAll(() => stopSound(service));

it('a fleet is created, read and listed', async () => {
  const wish = { name: 'one', target: 'ota-connect', gatewayUrl: 'https://gateway.example.com:8000' };
  const made = await createFleet({ ...wish, gatewayRoot: anyRoot(service) });
  expect(made.status).toBe(201);
  expect(made.headers.location).toBe('/v1/fleets/one');
  const read = await service.call('GET', '/v1/fleets/one', { token: service.admin });
  expect(read.json()).toEqual(made.json());
  expect(read.json()).toMatchObject({ ...wish, gatewayRoot: anyRoot(service) });
});

it('a list of fleets comes in pages, in order of name, to its end', async () => {
  for (const name of ['b', 'a', 'c'])
    expect((await createFleet({ name, target: 'generic' })).status).toBe(201);
  const names: string[] = [];
  for (let after: string | null = ''; after !== null; ) {
    const page = await service.call('GET', `/v1/fleets?limit=2&after=${after}`, { token: service.admin });
    expect(page.json().items.length).toBeLessThanOrEqual(2);
    names.push(...page.json().items.map(({ name }: { name: string }) => name));
    after = page.json().next;
  }
  expect(names).toEqual(['a', 'b', 'c', 'one']);
});

it('settings are replaced as a whole, and the fleet shows them', async () => {
  await createFleet({ name: 'set', target: 'generic', gatewayUrl: 'https://old.example' });
  const put = (json: unknown, token = service.admin) =>
    service.call('PUT', '/v1/fleets/set/settings', { token, json });
  const settings = {
    gatewayUrl: 'https://new.example:8443',
    gatewayRoot: anyRoot(service),
    hardwareId: 'board-7',
    pkcs11Module: '/usr/lib/libtpm2_pkcs11.so',
    gatewayTrusts: 'trust-bundle',
    ostreeServer: 'https://ostree.example/treehub',
  };
  const changed = await put(settings);
  expect([changed.status, changed.json()]).toMatchObject([
    200,
    { name: 'set', target: 'generic', ...settings },
  ]);
  expect((await service.call('GET', '/v1/fleets/set', { token: service.admin })).json()).toEqual(
    changed.json(),
  );
  expect((await put({ hardwareId: 'board-8' })).json()).toMatchObject({
    gatewayUrl: null,
    hardwareId: 'board-8',
  });
  expect((await put(settings, security)).code()).toBe('not-found');
});

it.each([
  [{ gatewayUrl: 'https://gateway.example/' }, 'bad-request', '/gatewayUrl'],
  [{ gatewayRoot: 'nothing' }, 'bad-request', '/gatewayRoot'],
  [{ hardwareId: 'a "b"' }, 'bad-request', '/hardwareId'],
  [{ pkcs11Module: 'libsofthsm2.so' }, 'bad-request', '/pkcs11Module'],
  [{ pkcs11Module: "/lib/'$(id)'.so" }, 'bad-request', '/pkcs11Module'],
  [{ ostreeServer: 'http://ostree.example' }, 'bad-request', '/ostreeServer'],
  [{ ostreeServer: 'https://user:word@ostree.example' }, 'bad-request', '/ostreeServer'],
  [{ ostreeServer: 'https://ostree.example/"\n' }, 'bad-request', '/ostreeServer'],
  [{ gatewayTrusts: 'nobody' }, 'bad-json', '/gatewayTrusts'],
  [{ pin: '1234' }, 'bad-json', '/'],
])('the settings %j are refused as %s at %s', async (json, code, at) => {
  await createFleet({ name: 'unset', target: 'generic' });
  const refused = await service.call('PUT', '/v1/fleets/unset/settings', { token: service.admin, json });
  expect([refused.status, refused.code()]).toEqual([400, code]);
  expect(refused.json().violations.map((one: { at: string }) => one.at)).toEqual([at]);
});

it('a name that is taken is a conflict', async () => {
  await createFleet({ name: 'twice', target: 'generic' });
  const again = await createFleet({ name: 'twice', target: 'ota-ce' });
  expect([again.status, again.code()]).toEqual([409, 'already-exists']);
});

it.each([
  ['http://gateway.example.com', 'plain HTTP'],
  ['https://gateway.example.com/', 'a slash at the end'],
  ['https://gateway.example.com/path', 'a path'],
  ['https://user:word@gateway.example.com', 'credentials'],
  ['https://gateway.example.com\n', 'a line end'],
  ['gateway.example.com', 'no URL'],
])('the gateway URL %j is refused as bad-request: %s', async (gatewayUrl) => {
  const made = await createFleet({ name: 'bad', target: 'generic', gatewayUrl });
  expect([made.status, made.code()]).toEqual([400, 'bad-request']);
  expect(made.json().violations.map(({ at }: { at: string }) => at)).toEqual(['/gatewayUrl']);
});

it.each([
  [{ target: 'generic' }, '/name'],
  [{ name: 'Bad', target: 'generic' }, '/name'],
  [{ name: '..', target: 'generic' }, '/name'],
  [{ name: 'x'.repeat(64), target: 'generic' }, '/name'],
  [{ name: 'bad', target: 'aws-iot' }, '/target'],
  [{ name: 'bad', target: 'generic', gatewayUrl: 7 }, '/gatewayUrl'],
])('the fleet %j is refused as bad-json at %s', async (json, at) => {
  const made = await createFleet(json);
  expect([made.status, made.code()]).toEqual([400, 'bad-json']);
  expect(made.json().violations[0].at).toBe(at);
});

it('a fleet has a root first, then issuing authorities under it, and its list shows both', async () => {
  await createFleet({ name: 'line', target: 'generic' });
  const early = await createAuthority('line', { name: 'line-7', kind: 'issuing' });
  expect([early.status, early.code()]).toEqual([409, 'authority-not-active']);
  const root = await createAuthority('line', { name: 'root', kind: 'root' });
  expect(root.headers.location).toBe('/v1/fleets/line/authorities/root');
  const issuing = await createAuthority('line', { name: 'line-7', kind: 'issuing', keyAlgorithm: 'ec-p384' });
  expect(issuing.json()).toMatchObject({ state: 'active', key: 'EC P-384', imported: false });
  expect(issuing.json().issuer).toEqual({ authority: 'root', generation: 1 });

  const [upper, lower] = [root, issuing].map((made) => new X509Certificate(made.json().certificate));
  expect(lower?.checkIssued(upper as X509Certificate)).toBe(true);
  const list = await service.call('GET', '/v1/fleets/line/authorities', { token: security });
  expect(list.json().items).toEqual([root.json(), issuing.json()]);
  const one = await service.call('GET', '/v1/fleets/line/authorities/line-7', { token: security });
  expect(one.json()).toEqual(issuing.json());
});

it('a second root and a name that is taken are conflicts', async () => {
  const second = await createAuthority('line', { name: 'root-2', kind: 'root' });
  expect([second.status, second.code()]).toEqual([409, 'already-exists']);
  const twice = await createAuthority('line', { name: 'line-7', kind: 'issuing' });
  expect([twice.status, twice.code()]).toEqual([409, 'already-exists']);
});

it('of several issuing authorities the request names one, or is refused as authority-ambiguous', async () => {
  await createAuthority('line', { name: 'line-8', kind: 'issuing' });
  station = await makeToken(service, { name: 'station', role: 'station', fleet: 'line' });
  const path = '/v1/fleets/line/certificates';
  const { csr } = makeDevice('dev-1');
  const ask = (query: string) =>
    service.call('POST', path + query, { token: station, type: 'application/pkcs10', body: csr });
  const open = await ask('');
  expect([open.status, open.code()]).toEqual([409, 'authority-ambiguous']);
  const named = await ask('?authority=line-8');
  expect(named.json().authority).toEqual({ name: 'line-8', generation: 1 });
  const nowhere = await ask('?authority=line-9');
  expect([nowhere.status, nowhere.code()]).toEqual([409, 'authority-not-active']);
});

it('a fleet without an issuing authority issues from its root, and its chain is the leaf alone', async () => {
  const fleet = await makeFleet(service, 'hsm', { issuing: false });
  const made = await requestCertificate(service, fleet, { body: makeDevice('dev-1').csr });
  expect(made.json().authority.name).toBe('root');
  expect(made.json().chain).toBe(made.json().certificate);
});

const MANUAL_ROOT = {
  p256: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
  rsa: ['-newkey', 'rsa:3072'],
};

/** A root as the manuals make it. */
function makeRoot(key: keyof typeof MANUAL_ROOT, passphrase: string | null) {
  const folder = scratchFolder();
  const [keyFile, certificateFile] = [join(folder, 'key.pem'), join(folder, 'root.pem')];
  const extensions = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'];
  const given = [
    'req',
    '-x509',
    '-days',
    '7300',
    '-sha256',
    '-subj',
    '/CN=fleet of before',
    '-config',
    '/dev/null',
  ];
  execFileSync(
    'openssl',
    [...given, ...MANUAL_ROOT[key], ...extensions.flatMap((one) => ['-addext', one])]
      .concat(passphrase === null ? ['-nodes'] : ['-passout', `pass:${passphrase}`])
      .concat(['-keyout', keyFile, '-out', certificateFile]),
    { stdio: 'pipe', input: '' },
  );
  return {
    certificate: readFileSync(certificateFile, 'latin1'),
    privateKey: readFileSync(keyFile, 'latin1'),
    ...(passphrase === null ? {} : { passphrase }),
  };
}

it.each([
  ['p256', null],
  ['rsa', 'correct horse'],
] as const)(
  'a root that OpenSSL made is imported with its key (%s, passphrase %s) and issues',
  async (key, word) => {
    const name = `imported-${key}`;
    await createFleet({ name, target: 'generic' });
    const given = makeRoot(key, word);
    const made = await createAuthority(name, { name: 'root', import: given });
    expect(made.status).toBe(201);
    expect(made.json()).toMatchObject({ imported: true, kind: 'root', certificate: given.certificate });

    const token = await makeToken(service, { name: 'station', role: 'station', fleet: name });
    const device = await service.call('POST', `/v1/fleets/${name}/certificates`, {
      token,
      type: 'application/pkcs10',
      body: makeDevice('dev-1').csr,
    });
    const leaf = new X509Certificate(device.json().certificate);
    expect(leaf.verify(new X509Certificate(given.certificate).publicKey)).toBe(true);
  },
);

it('an import is refused: a wrong passphrase, another key, no PEM, a key that an authority has', async () => {
  await createFleet({ name: 'import', target: 'generic' });
  const given = makeRoot('p256', 'correct horse');
  const attempt = async (change: Record<string, string>) => {
    const made = await createAuthority('import', { name: 'root', import: { ...given, ...change } });
    return [made.status, made.code()];
  };
  expect(await attempt({ passphrase: 'wrong' })).toEqual([400, 'bad-pem']);
  expect(await attempt({ privateKey: makeRoot('p256', null).privateKey })).toEqual([
    400,
    'bad-ca-certificate',
  ]);
  expect(await attempt({ certificate: 'nothing' })).toEqual([400, 'bad-pem']);
  expect((await createAuthority('import', { name: 'root', import: given })).status).toBe(201);
  await createFleet({ name: 'import-2', target: 'generic' });
  const keys = readdirSync(join(service.data, 'keys'));
  const again = await createAuthority('import-2', { name: 'root', import: given });
  expect(readdirSync(join(service.data, 'keys'))).toEqual(keys);
  expect([again.status, again.code()]).toEqual([409, 'key-of-a-ca']);
});

it('what was given with an import is neither in the log nor in the answer', async () => {
  await createFleet({ name: 'quiet', target: 'generic' });
  const given = makeRoot('p256', 'canary horse');
  const made = await createAuthority('quiet', { name: 'root', import: given });
  const secret = given.privateKey.split('\n')[1] as string;
  for (const text of [made.text(), service.log(), readFileSync(service.database, 'latin1')]) {
    expect(text).not.toContain(secret);
    expect(text).not.toContain('canary horse');
  }
});
