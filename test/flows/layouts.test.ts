/** Bundles of every layout as the service hands them out: for one device, for a lot, with and without a key. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromBufferPromise } from 'yauzl';
import { LAYOUT_NAMES, type LayoutName } from '../../src/bundle/index.ts';
import { parsePkcs12 } from '../../src/x509/index.ts';
import type { Answer, CallWish } from '../support/client.ts';
import { makeDevice, makeFleet, requestCertificate, rowOf, type TestFleet } from '../support/fleet.ts';
import { octetsAtRest } from '../support/ledger-file.ts';
import { sendLot } from '../support/lot-upload.ts';
import { makeRecipient } from '../support/recipient.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';

const UUID = '0f8fad5b-d9cb-469f-a165-70867728950e';

let service: Service;
let fleet: TestFleet;
const recipient = makeRecipient();

beforeAll(async () => {
  service = await startService({ level: 'trace' });
  fleet = await makeFleet(service, 'demo');
  await requestCertificate(service, fleet, { body: makeDevice(UUID).csr });
});

afterAll(async () => {
  recipient.remove();
  await stopSound(service);
});

const get = (path: string): Promise<Answer> => service.call('GET', path, { token: fleet.tokens.station });
const bundle = (layout: string, deviceId = UUID, rest = ''): Promise<Answer> =>
  get(`/v1/fleets/demo/devices/${encodeURIComponent(deviceId)}/bundle${rest}?layout=${layout}`);
const set = (json: Record<string, unknown>, token = service.admin) =>
  service.call('PUT', '/v1/fleets/demo/settings', { token, json });
const create = (layout: string, json: Record<string, unknown>, wish: CallWish = {}): Promise<Answer> =>
  service.call('POST', `/v1/fleets/demo/devices?layout=${layout}`, {
    token: fleet.tokens.station,
    accept: 'application/zip',
    json,
    ...wish,
  });

async function unzip(octets: Buffer): Promise<Readonly<Record<string, Buffer>>> {
  const zip = await fromBufferPromise(octets);
  const files: Record<string, Buffer> = {};
  for await (const entry of zip.eachEntry())
    files[entry.fileName] = await buffer(await zip.openReadStreamPromise(entry));
  return files;
}

const FILES: Readonly<Record<Exclude<LayoutName, 'p12'>, readonly string[]>> = {
  device: ['client.pem', 'root.crt', 'gateway.url', '20-sota-device-cred.toml'].map(
    (name) => `${UUID}/${name}`,
  ),
  hsm: [
    'client.der',
    'client.pem',
    'root.crt',
    'gateway.url',
    '20-sota-device-cred-hsm.toml',
    'load-token.sh',
  ].map((name) => `${UUID}/${name}`),
  token: ['client.pem', 'root.crt'].map((name) => `${UUID}/${name}`),
  'ota-ce': [
    'server_ca.pem',
    'devices/ca.crt',
    ...['client.pem', `${UUID}.chain.pem`, 'ca.pem', 'gateway.url', 'config.toml'].map(
      (name) => `devices/${UUID}/${name}`,
    ),
  ],
  foundries: ['root.crt', 'sota.toml', 'client.pem', 'client.chained'].map((name) => `${UUID}/${name}`),
  'aws-iot': ['endpoint', `${UUID}/certificate.pem.crt`, `${UUID}/AmazonRootCA1.pem`],
  pem: ['fleet-root.pem', `${UUID}.cert.pem`, `${UUID}.chain.pem`],
};

describe('for one device', () => {
  it.each(Object.entries(FILES))(
    'layout %s has its files, and the check lists them',
    async (layout, names) => {
      const answer = await bundle(layout);
      expect(answer.status).toBe(200);
      expect(Object.keys(await unzip(answer.body))).toEqual(names);
      const check = (await bundle(layout, UUID, '/check')).json();
      expect(check.files.map(({ name }: { name: string }) => name)).toEqual(names);
      expect([check.fits, check.reasons]).toEqual([true, []]);
      const said = String(answer.headers['bundle-warnings'] ?? '');
      for (const warning of check.warnings) expect(said).toContain(warning);
      expect(said === '').toBe(check.warnings.length === 0);
    },
  );

  it('a bundle that would not work is refused with the reason, which the check says without refusing', async () => {
    await requestCertificate(service, fleet, { body: makeDevice('VIN-1').csr });
    const refused = await bundle('ota-ce', 'VIN-1');
    expect([refused.status, refused.code()]).toEqual([422, 'bundle-unfit']);
    const check = (await bundle('ota-ce', 'VIN-1', '/check')).json();
    expect([check.fits, check.files, check.reasons.join(' ')]).toEqual([false, [], refused.json().detail]);
  });

  it('layout hsm follows what the fleet says of its gateway', async () => {
    const now = (await service.call('GET', '/v1/fleets/demo', { token: service.admin })).json();
    const { name: _n, target: _t, createdAt: _c, ...terms } = now;
    expect((await bundle('hsm', UUID, '/check')).json().warnings.join()).toContain('gatewayTrusts');
    await set({ ...terms, gatewayTrusts: 'fleet-root' });
    expect((await bundle('hsm')).code()).toBe('bundle-unfit');
    const issued = await requestCertificate(service, fleet, {
      body: makeDevice('hsm-unissued').csr,
      query: '?layout=hsm',
      accept: 'application/zip',
    });
    expect(issued.code()).toBe('bundle-unfit');
    expect((await get('/v1/fleets/demo/devices/hsm-unissued')).status).toBe(404);
    await set({ ...terms, gatewayTrusts: 'trust-bundle', pkcs11Module: '/usr/lib/libtpm2_pkcs11.so' });
    const answer = await bundle('hsm');
    expect([answer.status, answer.headers['bundle-warnings']]).toEqual([200, undefined]);
    const toml = String((await unzip(answer.body))[`${UUID}/20-sota-device-cred-hsm.toml`]);
    expect(toml).toContain('module = "/usr/lib/libtpm2_pkcs11.so"');
    await set(terms);
  });

  it('the form of a request is the bundle of the layout that it names, and a layout of anything else is refused', async () => {
    const wish = { body: makeDevice('pem-device').csr, query: '?layout=pem', accept: 'application/zip' };
    const made = await requestCertificate(service, fleet, wish);
    expect([made.status, Object.keys(await unzip(made.body))]).toEqual([
      201,
      ['fleet-root.pem', 'pem-device.cert.pem', 'pem-device.chain.pem'],
    ]);
    expect(made.body.equals((await bundle('pem', 'pem-device')).body)).toBe(true);
    const json = await requestCertificate(service, fleet, { ...wish, accept: 'application/json' });
    expect([json.status, json.code()]).toEqual([400, 'bad-request']);
  });
});

describe('with a key that the CA makes', () => {
  it.each([
    ['', undefined],
    ['correct horse', 'correct horse'],
  ])('layout p12 has it, once, with the passphrase %j', async (word, passphrase) => {
    const deviceId = `p12-${word.length}`;
    const made = await create('p12', { deviceId, passphrase });
    expect(made.status).toBe(201);
    const opened = parsePkcs12((await unzip(made.body))[`${deviceId}.p12`] ?? new Uint8Array(), word);
    expect(opened.friendlyName).toBe(deviceId);
    expect(opened.certificates).toHaveLength(2);
    const later = await bundle('p12', deviceId);
    expect([later.status, later.code()]).toEqual([422, 'bundle-unfit']);
    expect(later.json().detail).toContain('openssl pkcs12 -export');
    expect(service.log()).not.toContain('correct horse');
  });

  it('layout p12 has the envelope for a recipient, while it is kept', async () => {
    const deviceId = 'p12-sealed';
    const made = await create('p12', { deviceId, recipient: recipient.pem });
    expect(made.status).toBe(201);
    const files = await unzip(made.body);
    expect(Object.keys(files)).toEqual(
      ['key.cms', 'chain.pem', 'make-p12.sh'].map((end) => `${deviceId}.${end}`),
    );
    const again = await bundle('p12', deviceId);
    expect(again.body.equals(made.body)).toBe(true);
    await service.call('POST', `${made.headers.location}/acknowledge`, { token: fleet.tokens.station });
    expect((await bundle('p12', deviceId)).code()).toBe('bundle-unfit');
  });

  it.each(['hsm', 'foundries'])('layout %s has no place for it, and no key is made', async (layout) => {
    const refused = await create(layout, { deviceId: `no-place-${layout}` });
    expect([refused.status, refused.code()]).toEqual([422, 'bundle-unfit']);
    expect((await get(`/v1/fleets/demo/devices/no-place-${layout}`)).status).toBe(404);
  });

  it('a passphrase that would encrypt nothing is refused, and said nowhere', async () => {
    const passphrase = 'hunter2hunter2';
    for (const [layout, more] of [
      ['device', {}],
      ['p12', { recipient: recipient.pem }],
    ] as const) {
      const refused = await create(layout, { deviceId: 'no-passphrase', passphrase, ...more });
      expect([refused.status, refused.code(), refused.text().includes(passphrase)]).toEqual([
        400,
        'bad-request',
        false,
      ]);
    }
    expect(service.log()).not.toContain(passphrase);
    for (const octets of await octetsAtRest(service.database))
      expect(octets.includes(passphrase)).toBe(false);
  });

  it('that shows to be unfit only now is handed out with a warning, for it is nowhere else', async () => {
    const made = await create('ota-ce', { deviceId: 'VIN-2' });
    expect(made.status).toBe(201);
    expect(String(made.headers['bundle-warnings'])).toContain('UUID');
    expect(Object.keys(await unzip(made.body))).toContain('devices/VIN-2/pkey.pem');
  });
});

describe('for a lot', () => {
  const ids = [UUID.replace('0f', '1f'), 'VIN-3', UUID.replace('0f', '2f')];
  const archive = (form: string): Promise<Answer> => get(`/v1/batches/mixed/bundles${form}`);

  beforeAll(async () => {
    await sendLot(service, fleet, ids.map((id) => rowOf(makeDevice(id).csr)).join(''), { key: 'mixed' });
  });

  it.each(LAYOUT_NAMES.filter((name) => name !== 'p12' && name !== 'ota-ce'))(
    'layout %s is that of each device, in a tar as in a zip, and once what stands beside them',
    async (layout) => {
      const zip = await unzip((await archive(`.zip?layout=${layout}`)).body);
      const folder = mkdtempSync(join(scratchFolder(), 'tar-'));
      const tar = await archive(`.tar?layout=${layout}`);
      execFileSync('tar', ['-C', folder, '-xf', '-'], { input: tar.body });
      for (const [name, content] of Object.entries(zip))
        expect(readFileSync(join(folder, name))).toEqual(content);
      const [first = ''] = ids;
      const due = FILES[layout as keyof typeof FILES];
      const own = due.filter((name) => name.includes(UUID));
      const said = Object.keys(zip).filter((name) => name === '~warnings.txt');
      expect(Object.keys(zip).length).toBe(3 * own.length + (due.length - own.length) + said.length);
      for (const name of own) expect(zip).toHaveProperty([name.replaceAll(UUID, first)]);
    },
  );

  it('a device whose bundle would not work is left out and told of, and the check says so before', async () => {
    const check = (await archive('/check?layout=ota-ce')).json();
    expect([check.devices, check.leftOut]).toEqual([3, 1]);
    expect(check.reasons).toMatchObject([{ devices: 1, example: 'VIN-3' }]);
    const zip = await unzip((await archive('.zip?layout=ota-ce')).body);
    expect(Object.keys(zip).filter((name) => name.endsWith('client.pem'))).toEqual(
      ids.filter((id) => id !== 'VIN-3').map((id) => `devices/${id}/client.pem`),
    );
    expect(Object.keys(zip).at(-1)).toBe('~warnings.txt');
    expect(String(zip['~warnings.txt'])).toContain('left out, 1 device (VIN-3)');
  });

  it('without a device that it would work for there is no archive', async () => {
    for (const form of ['.zip', '.tar']) {
      const refused = await archive(`${form}?layout=p12`);
      expect([refused.status, refused.code()]).toEqual([422, 'bundle-unfit']);
    }
  });

  it('of keys in envelopes layout p12 has each with what opens it', async () => {
    const rows = ['sealed-1', 'sealed-2'].map((deviceId) => `${JSON.stringify({ deviceId })}\n`).join('');
    await sendLot(service, fleet, rows, {
      key: 'sealed',
      headers: { 'recipient-certificate': recipient.header },
    });
    const zip = await unzip((await get('/v1/batches/sealed/bundles.zip?layout=p12')).body);
    expect(Object.keys(zip).filter((name) => name.startsWith('sealed-2'))).toEqual([
      'sealed-2.key.cms',
      'sealed-2.chain.pem',
      'sealed-2.make-p12.sh',
    ]);
    const folder = scratchFolder();
    writeFileSync(join(folder, 'key.cms'), zip['sealed-2.key.cms'] ?? '');
    expect(recipient.open(readFileSync(join(folder, 'key.cms'), 'utf8')).length).toBeGreaterThan(100);
  });
});
