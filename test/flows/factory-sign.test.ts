import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OID, parsePem } from '../../src/asn1/index.ts';
import type { Answer } from '../support/client.ts';
import { makeCsr, makeKey } from '../support/csr.ts';
import { makeFleet, makeToken, type TestFleet } from '../support/fleet.ts';
import { makeGatewayIdentity, type OpensslGateway, startOpensslGateway } from '../support/openssl-gateway.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';

const identity = makeGatewayIdentity();
let service: Service;
let fleet: TestFleet;
let gateway: OpensslGateway;

const UUID = '3b8a1ad0-0c9e-4f0b-8c67-0b8a6d2f4c';
let count = 10;
const newUuid = (): string => `${UUID}${count++}`;

const pemOf = (csr: Uint8Array): string =>
  `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(csr)
    .toString('base64')
    .match(/.{1,64}/g)
    ?.join('\n')}\n-----END CERTIFICATE REQUEST-----\n`;

/** What a registration client sends: the CSR names the factory, too. */
function requestOf(uuid = newUuid(), key = makeKey()) {
  const more = [{ type: OID.organizationalUnitName, value: 'the-factory' }];
  const csr = makeCsr({ deviceId: uuid, key, more });
  return { key, json: { csr: pemOf(csr), 'hardware-id': 'intel-corei7-64', name: 'bench-3', uuid } };
}

const sign = (json: unknown, token: string | undefined = fleet.tokens.station, query = ''): Promise<Answer> =>
  service.call('POST', `/sign${query}`, { json, ...(token === undefined ? {} : { token }) });

const leafOf = (answer: Answer): X509Certificate => new X509Certificate(answer.json()['client.pem']);

beforeAll(async () => {
  service = await startService();
  fleet = await makeFleet(service, 'demo', { gatewayRoot: identity.root });
  const bundle = await service.call('GET', '/pki/demo/trust-bundle.pem');
  gateway = await startOpensslGateway(bundle.text(), identity);
});

afterAll(async () => {
  gateway.close();
  await stopSound(service);
});

describe('Foundries’ registration, POST /sign', () => {
  it('section 7, csr, hardware-id, name, uuid, root.crt and sota.toml: asked with those, answered 201 with these and the two chains', async () => {
    const answer = await sign(requestOf().json);
    expect(answer.status).toBe(201);
    expect(Object.keys(answer.json())).toEqual(['root.crt', 'sota.toml', 'client.pem', 'client.chained']);
    expect(answer.json()['root.crt']).toBe(identity.root);
    expect(answer.json()['sota.toml']).toContain('primary_ecu_hardware_id = "intel-corei7-64"\n');
  });

  it('section 7, client.pem and client.chained: the leaf; and the leaf, a newline, the issuer', async () => {
    const answer = (await sign(requestOf().json)).json();
    const authority = await service.call('GET', '/v1/fleets/demo/authorities/line-7', {
      token: fleet.tokens.auditor,
    });
    expect(answer['client.chained']).toBe(`${answer['client.pem']}\n${authority.json().certificate}`);
    expect(parsePem(answer['client.pem'])).toHaveLength(1);
  });

  it('the files open at a gateway that trusts what the fleet publishes', async () => {
    const { key, json } = requestOf();
    const files = (await sign(json)).json();
    const folder = scratchFolder();
    const put = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const own = ['-cert', put('client.pem', files['client.pem']), '-key', put('pkey.pem', key.pkcs8Pem)];
    expect(await gateway.letsIn(own)).toBe(true);
  });

  it('section 7, sota-config-dir: the folder that sota.toml names', async () => {
    const { json } = requestOf();
    const text = (await sign({ ...json, 'sota-config-dir': '/opt/ota/' })).json()['sota.toml'];
    expect(text).toContain('path = "/opt/ota/"\n');
    expect(text).toContain('tls_clientcert_path = "/opt/ota/client.pem"\n');
  });

  it('section 7, overrides: section → key → value, replaced, left out and filled in', async () => {
    const overrides = {
      pacman: { type: '"ostree+compose_apps"', packages_file: '', tags: null },
      uptane: { repo_server: '"{gateway_server}/repo"' },
      import: { base_path: '"{sota_config_dir}/{hardware_id}"' },
    };
    const text = (await sign({ ...requestOf().json, overrides })).json()['sota.toml'];
    expect(text).toContain('type = "ostree+compose_apps"\n');
    expect(text).toContain('# packages_file: left out');
    expect(text).toContain('repo_server = "https://gateway.example.com:8000/repo"\n');
    expect(text).toContain('base_path = "/var/sota/intel-corei7-64"\n');
  });

  it('names that it does not know are passed over', async () => {
    expect((await sign({ ...requestOf().json, group: 'beta', 'is-prod': true })).status).toBe(201);
  });
});

describe('compatible in shape, not in that:', () => {
  it('section 7, the CSR’s signature: the reference does not check it; here a flipped bit is refused', async () => {
    const { json } = requestOf();
    const der = Buffer.from(json.csr.replaceAll(/-----[^-]+-----|\n/g, ''), 'base64');
    der[der.length - 1] = (der.at(-1) ?? 0) ^ 1;
    const answer = await sign({ ...json, csr: pemOf(der) });
    expect([answer.status, answer.code()]).toEqual([422, 'bad-signature']);
  });

  it('section 7, authentication: it has none; here a token is due, and of a role that asks', async () => {
    const { json } = requestOf();
    const none = await service.call('POST', '/sign', { json });
    expect([none.status, none.code()]).toEqual([401, 'unauthenticated']);
    for (const role of ['admin', 'auditor'] as const)
      expect((await sign(json, fleet.tokens[role])).status, role).toBe(404);
  });

  it('section 7, the serial: it derives that from the UUID; here serials are random', async () => {
    const uuid = newUuid();
    const serial = leafOf(await sign(requestOf(uuid).json)).serialNumber.toLowerCase();
    expect(serial).toMatch(/^[0-9a-f]{32}$/);
    expect(serial).not.toBe(uuid.replaceAll('-', ''));
  });

  it('section 7, the validity: it lets leaves outlive the CA; here the issuer’s end and the profile cap them', async () => {
    const leaf = leafOf(await sign(requestOf().json));
    const { certificate } = (
      await service.call('GET', '/v1/fleets/demo/authorities/line-7', { token: fleet.tokens.auditor })
    ).json();
    expect(Date.parse(leaf.validTo)).toBeLessThanOrEqual(
      Date.parse(new X509Certificate(certificate).validTo),
    );
    expect((Date.parse(leaf.validTo) - Date.now()) / 86_400_000).toBeLessThanOrEqual(365);
  });
});

describe('the rules of the cycle hold:', () => {
  it('the common name is the uuid, alone: the CSR’s other names are left out', async () => {
    const { json } = requestOf();
    expect(leafOf(await sign(json)).subject).toBe(`CN=${json.uuid}`);
  });

  it('a uuid that is not the common name, or no lower-case UUID, is refused', async () => {
    const { json } = requestOf();
    expect((await sign({ ...json, uuid: newUuid() })).code()).toBe('device-id-mismatch');
    for (const uuid of [json.uuid.toUpperCase(), 'VIN-1', `{${json.uuid}}`])
      expect((await sign({ ...requestOf(uuid).json, uuid })).code(), uuid).toBe('bad-device-id');
  });

  it('the same request again is the same certificate, with 201 as the clients know it', async () => {
    const { json } = requestOf();
    const [first, again] = [await sign(json), await sign(json)];
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.json()).toEqual(first.json());
    expect(first.headers['idempotency-replayed']).toBeUndefined();
    expect(again.headers['idempotency-replayed']).toBe('true');
  });

  it('another key for the same uuid is a conflict', async () => {
    const uuid = newUuid();
    await sign(requestOf(uuid).json);
    const answer = await sign(requestOf(uuid).json);
    expect([answer.status, answer.code()]).toEqual([409, 'device-has-other-key']);
  });

  it('name and hardware-id are labels in the inventory, under the station', async () => {
    const { json } = requestOf();
    const made = await sign(json);
    const token = fleet.tokens.auditor;
    const record = await service.call('GET', String(made.headers.location), { token });
    expect(record.json().labels).toEqual({ 'hardware-id': 'intel-corei7-64', name: 'bench-3' });
    expect(record.json().station).toBe(fleet.tokens.station.slice(4, 20));
  });

  it('a token’s quota counts', async () => {
    const wish = { name: 'one', role: 'station', fleet: 'demo', quota: { total: 1 } };
    const token = await makeToken(service, wish);
    expect((await sign(requestOf().json, token)).status).toBe(201);
    expect((await sign(requestOf().json, token)).code()).toBe('quota-exceeded');
  });

  it('the fleet is the token’s, and a token that is bound to none is told so', async () => {
    const token = await makeToken(service, { name: 'security', role: 'security' });
    const answer = await sign(requestOf().json, token);
    expect([answer.status, answer.code()]).toEqual([400, 'bad-request']);
    expect(answer.json().detail).toContain('bound to none');
  });

  it('a fleet without a gateway is refused before anything is issued', async () => {
    const bare = await makeFleet(service, 'bare', { gatewayUrl: null });
    const { json } = requestOf();
    expect((await sign(json, bare.tokens.station)).code()).toBe('bad-request');
    const device = `/v1/fleets/bare/devices/${json.uuid}`;
    expect((await service.call('GET', device, { token: bare.tokens.auditor })).status).toBe(404);
  });

  it('an authority and a profile are named in the URL', async () => {
    const { station } = fleet.tokens;
    expect((await sign(requestOf().json, station, '?authority=line-7&profile=device')).status).toBe(201);
    expect((await sign(requestOf().json, station, '?authority=line-9')).code()).toBe('authority-not-active');
    expect((await sign(requestOf().json, station, '?profile=x')).code()).toBe('profile-unknown');
    expect((await sign(requestOf().json, station, '?fleet=demo')).code()).toBe('bad-request');
  });
});

describe('what would be anything but a value in sota.toml is refused, and nothing is issued:', () => {
  it.each([
    ['a line end in an override', { overrides: { tls: { server: '"x"\n[import]' } } }, 'bad-request'],
    ['other braces', { overrides: { tls: { server: '{secret}' } } }, 'bad-request'],
    ['a section that is none', { overrides: { 'a]\n[b': { c: '1' } } }, 'bad-request'],
    ['a value that is no text', { overrides: { tls: { server: 1 } } }, 'bad-json'],
    ['overrides that are no sections', { overrides: { tls: 'x' } }, 'bad-json'],
    ['a quote in the hardware ID', { 'hardware-id': 'a"\nb' }, 'bad-json'],
    ['a folder that is none', { 'sota-config-dir': 'var/sota' }, 'bad-json'],
    ['a folder that climbs', { 'sota-config-dir': '/var/../etc' }, 'bad-json'],
    ['a name with a line end', { name: 'a\nb' }, 'bad-json'],
    ['no hardware ID', { 'hardware-id': undefined }, 'bad-json'],
    ['no CSR', { csr: undefined }, 'bad-json'],
    [
      'a private key in its place',
      { csr: '-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----' },
      'bad-pem',
    ],
  ])('%s', async (_what, more, code) => {
    const { json } = requestOf();
    expect((await sign({ ...json, ...more })).code()).toBe(code);
    const device = `/v1/fleets/demo/devices/${json.uuid}`;
    expect((await service.call('GET', device, { token: fleet.tokens.auditor })).status).toBe(404);
  });
});
