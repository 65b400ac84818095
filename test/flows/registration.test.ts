import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';

import { request } from 'node:https';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parsePem } from '../../src/asn1/index.ts';
import { parsePkcs12 } from '../../src/x509/index.ts';
import { type Answer, readAnswer } from '../support/client.ts';
import {
  makeAuthority,
  makeDevice,
  makeFleet,
  requestCertificate,
  type TestFleet,
} from '../support/fleet.ts';
import {
  type GatewayIdentity,
  makeGatewayIdentity,
  type OpensslGateway,
  startOpensslGateway,
} from '../support/openssl-gateway.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';
import {
  callGateway,
  type OpenedCredentials,
  openCredentials,
  postDevices,
} from '../support/shared-credentials.ts';

const DAY = 86_400_000;

let service: Service;
let fleet: TestFleet;
let gateway: OpensslGateway;
const identity: GatewayIdentity = makeGatewayIdentity();
const data = scratchFolder();

const certificatesOf = (pem: string): readonly X509Certificate[] =>
  parsePem(pem).map(({ der }) => new X509Certificate(der));
const subjectsOf = (pem: string): readonly string[] => certificatesOf(pem).map(({ subject }) => subject);

const registrations = (of: TestFleet): string => `/v1/fleets/${of.name}/registration-credentials`;

interface Shared extends OpenedCredentials {
  readonly id: string;
  readonly p12: Buffer;
}

/** What an operator does: makes `autoprov_credentials.p12`, and hands it on. */
async function makeShared(wish: Record<string, unknown> = {}, of = fleet): Promise<Shared> {
  const json = { name: 'images', maxDevices: 100, validityDays: 30, ...wish };
  const made = await service.call('POST', registrations(of), { token: of.tokens.security, json });
  if (made.status !== 201) throw new Error(made.text());
  const id = String(made.headers.location).split('/').at(-1) ?? '';
  return { ...openCredentials(made.body), id, p12: made.body };
}

const url = (): string => String(service.mutualUrl);
/** As the clients write it. */
const bodyOf = (deviceId: string, ttl: number | string = 36_000): string => JSON.stringify({ deviceId, ttl });
const register = (shared: OpenedCredentials, deviceId: string, ttl?: number | string) =>
  postDevices(url(), shared, bodyOf(deviceId, ttl));

/** The same over Node, held against openapi.yaml. */
function post(shared: Partial<OpenedCredentials>, body: string, type = 'application/json'): Promise<Answer> {
  const { hostname, port } = new URL(url());
  const own = { key: shared.pkey, cert: shared.cert, ca: shared.ca ?? identity.root };
  const headers = { 'content-type': type, 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const options = { hostname, port, path: '/devices', method: 'POST', agent: false, headers } as const;
    const call = request({ ...options, ...own, ca: serviceCa() }, (incoming) => {
      readAnswer(incoming, 'POST', '/devices').then(resolve, reject);
    });
    call.once('error', reject);
    call.end(body);
  });
}

const serviceCa = (): string => shared.ca;
let shared: Shared;

beforeAll(async () => {
  service = await startService({ data });
  fleet = await makeFleet(service, 'demo', { gatewayRoot: identity.root });
  await makeAuthority(service, 'demo', fleet.tokens.security, { name: 'registration', kind: 'registration' });
  const bundle = await service.call('GET', '/pki/demo/trust-bundle.pem');
  gateway = await startOpensslGateway(bundle.text(), identity);
  shared = await makeShared();
});

afterAll(async () => {
  gateway.close();
  await stopSound(service);
});

describe('section 3, autoprov_credentials.p12: registration key, certificate, gateway CA(s), empty password', () => {
  it('opens with OpenSSL without its legacy provider, by the old scheme that every stack reads', () => {
    const opened = parsePkcs12(shared.p12, '');
    expect(opened.schemes).toEqual(expect.arrayContaining(['pbe-sha1-3des']));
    expect(opened.certificates).toHaveLength(3);
    expect(() => parsePkcs12(shared.p12, 'password')).toThrow();
  });

  it('holds the gateway’s root, and the CA of the server that answers at that URL', () => {
    const [leaf, ...others] = certificatesOf(shared.cert);
    expect(leaf?.subject).toBe(`CN=registration ${shared.id}`);
    const [root, own] = certificatesOf(shared.ca);
    expect(root?.fingerprint256).toBe(certificatesOf(identity.root)[0]?.fingerprint256);
    expect(own?.subject).toMatch(/^CN=fleetca service CA/);
    expect(others).toHaveLength(2);
  });
});

describe('section 4, POST /devices: over mutual TLS with the zip’s p12, and JSON', () => {
  it('answers a PKCS#12 with a key and certificate made by the server, which open at a gateway', async () => {
    const { status, body } = await register(shared, 'VIN-1');
    expect(status).toBe(200);
    const own = openCredentials(body);
    expect(subjectsOf(own.cert)[0]).toBe('CN=VIN-1');
    const page = await callGateway(gateway.port, own);
    expect([page.curl, page.status]).toEqual([0, 200]);
    expect(parsePkcs12(body, '').friendlyName).toBe('VIN-1');
  });

  it('section 9, the answered p12: holds the issuing intermediate, then the gateway’s server CA, and nothing else', async () => {
    const own = openCredentials((await register(shared, 'VIN-2')).body);
    expect(subjectsOf(own.ca)).toEqual(['CN=demo line-7 G1', 'CN=localhost']);
  });

  it('section 9, all CAs of the p12: with -r root.crt is all CA certificates of the answer, and client.pem the leaf and all CAs', async () => {
    const own = openCredentials((await register(shared, 'VIN-3')).body);
    expect(own.cert.endsWith(own.ca)).toBe(true);
    expect((await callGateway(gateway.port, own)).status).toBe(200);
  });

  it('section 4, ttl: taken as the number and as the string "36000", and as nothing', async () => {
    expect((await postDevices(url(), shared, '{"deviceId":"VIN-4","ttl":36000}')).status).toBe(200);
    expect((await postDevices(url(), shared, '{"deviceId":"VIN-5","ttl":"36000"}')).status).toBe(200);
    expect((await postDevices(url(), shared, '{"deviceId":"VIN-6"}')).status).toBe(200);
  });

  it('section 4, ttl: one longer than the profile’s validity is capped by it; a shorter one is honoured, to the day', async () => {
    const daysOf = async (deviceId: string, ttl: number | string): Promise<number> => {
      const [leaf] = certificatesOf(openCredentials((await register(shared, deviceId, ttl)).body).cert);
      return (Date.parse(leaf?.validTo ?? '') - Date.now()) / DAY;
    };
    expect(await daysOf('VIN-7', 36_000)).toBeCloseTo(365, 2);
    expect(await daysOf('VIN-8', '36000')).toBeCloseTo(365, 2);
    expect(await daysOf('VIN-9', 30)).toBeCloseTo(30, 2);
    expect(await daysOf('VIN-10', '7')).toBeCloseTo(7, 2);
  });

  it('section 4, deviceId: device_already_registered, 409, is the code of an error body where the ID is taken', async () => {
    const first = await register(shared, 'VIN-11');
    expect(first.status).toBe(200);
    const again = await register(shared, 'VIN-11');
    expect(again.status).toBe(409);
    expect(JSON.parse(again.body.toString()).code).toBe('device_already_registered');
    // A twin, one that came with a CSR, and one whose certificate was revoked are taken as well.
    await requestCertificate(service, fleet, { body: makeDevice('VIN-12').csr });
    const id = certificatesOf(openCredentials(first.body).cert)[0]
      ?.fingerprint256.replaceAll(':', '')
      .toLowerCase();
    const revoke = { token: fleet.tokens.security, json: { reason: 'superseded' } };
    expect((await service.call('POST', `/v1/certificates/${id}/revoke`, revoke)).status).toBe(200);
    for (const deviceId of ['vin-11', 'VIN-11', 'VIN-12']) {
      const answer = await post(shared, bodyOf(deviceId));
      expect([answer.status, answer.code()], deviceId).toEqual([409, 'device_already_registered']);
    }
  });

  it('registration certificates come from a CA of their own: none is a device at a gateway', async () => {
    const page = await callGateway(gateway.port, shared);
    expect(page.status).not.toBe(200);
    const bundle = await service.call('GET', '/pki/demo/trust-bundle.pem');
    expect(subjectsOf(bundle.text())).toEqual(['CN=demo', 'CN=demo line-7 G1']);
    const asked = {
      authority: 'registration',
      csr: Buffer.from(makeDevice('VIN-13').csr).toString('base64'),
    };
    const answer = await requestCertificate(service, fleet, { json: asked });
    expect([answer.status, answer.code()]).toEqual([409, 'authority-not-active']);
  });

  it('a device that was registered is in the inventory, under the id of the credentials; these are not', async () => {
    const token = fleet.tokens.auditor;
    const search = `/v1/fleets/demo/certificates?station=${shared.id}&limit=1000`;
    const found = await service.call('GET', search, { token });
    const names = found.json().items.map(({ deviceId }: { deviceId: string }) => deviceId);
    expect(names).toContain('VIN-1');
    const [leaf] = certificatesOf(shared.cert);
    const fingerprint = leaf?.fingerprint256.replaceAll(':', '').toLowerCase();
    expect((await service.call('GET', `/v1/certificates/${fingerprint}`, { token })).status).toBe(404);
    const devices = await service.call('GET', '/v1/fleets/demo/devices?limit=1000', { token });
    expect(devices.text()).not.toContain('registration');
  });
});

describe('the peer is an exact certificate on record:', () => {
  const refusedAs = async (peer: Partial<OpenedCredentials>, deviceId = 'VIN-x') => {
    const answer = await post(peer, bodyOf(deviceId));
    return [answer.status, answer.code()];
  };
  const UNKNOWN = [401, 'unauthenticated'];

  it('none at all is unauthenticated, in words, and not by a call for a token', async () => {
    const answer = await post({}, bodyOf('VIN-x'));
    expect([answer.status, answer.code()]).toEqual(UNKNOWN);
    expect(answer.headers['www-authenticate']).toBe('ClientCertificate realm="fleetca"');
    const asked = await service.call('GET', '/v1/fleets');
    expect(asked.headers['www-authenticate']).toBe('Bearer realm="fleetca"');
  });

  it('one that a stranger made, with the same name and serial, is unauthenticated', async () => {
    const folder = scratchFolder();
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const [leaf] = certificatesOf(shared.cert);
    const subject = ['-subj', `/${leaf?.subject}`, '-set_serial', `0x${leaf?.serialNumber}`, '-days', '30'];
    const made = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      key,
      '-out',
      cert,
    ];
    execFileSync('openssl', ['req', '-x509', ...made, ...subject], { stdio: 'pipe' });
    const read = (path: string): string => execFileSync('cat', [path], { encoding: 'utf8' });
    expect(await refusedAs({ pkey: read(key), cert: read(cert) })).toEqual(UNKNOWN);
  });

  it('a device of the fleet is unauthenticated: it has registered', async () => {
    const own = openCredentials((await register(shared, 'VIN-20')).body);
    expect(await refusedAs(own)).toEqual(UNKNOWN);
  });

  it('a token in the header is worth nothing there', async () => {
    const { hostname, port } = new URL(url());
    const headers = { authorization: `Bearer ${fleet.tokens.station}` };
    const status = await new Promise((resolve, reject) => {
      const options = { hostname, port, path: '/devices', method: 'POST', headers, ca: shared.ca };
      request(options, (answer) => resolve(answer.resume().statusCode))
        .once('error', reject)
        .end('{}');
    });
    expect(status).toBe(401);
  });

  it('a revoked one registers nobody, from the next call on', async () => {
    const lost = await makeShared();
    expect((await register(lost, 'VIN-21')).status).toBe(200);
    const revoke = { token: fleet.tokens.security, json: { reason: 'the build server was broken into' } };
    const answer = await service.call('POST', `${registrations(fleet)}/${lost.id}/revoke`, revoke);
    expect(answer.json()).toMatchObject({
      registered: 1,
      revocationReason: 'the build server was broken into',
    });
    expect(await refusedAs(lost)).toEqual(UNKNOWN);
    expect((await register(shared, 'VIN-22')).status).toBe(200);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('no session is resumed: %s', async (version) => {
    const { hostname, port } = new URL(url());
    const options = {
      host: hostname,
      port: Number(port),
      ca: shared.ca,
      key: shared.pkey,
      cert: shared.cert,
      minVersion: version,
      maxVersion: version,
    };
    const shake = (session?: Buffer) =>
      new Promise<{ session: Buffer | undefined; reused: boolean }>((resolve, reject) => {
        const socket = connect({ ...options, ...(session ? { session } : {}) });
        let last: Buffer | undefined;
        socket.on('session', (given) => {
          last = given;
        });
        socket.once('error', reject);
        socket.once('secureConnect', () => {
          socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
          const reused = socket.isSessionReused();
          socket.resume().once('close', () => resolve({ session: last ?? socket.getSession(), reused }));
        });
      });
    const { session } = await shake();
    expect((await shake(session)).reused).toBe(false);
  });

  it('serves them /devices and nothing else: no /v1, no /pki, no other method, and no renewal', async () => {
    const ask = (method: string, path: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const { hostname, port } = new URL(url());
        const { pkey: key, cert, ca } = shared;
        const options = { hostname, port, path, method, key, cert, ca, agent: false } as const;
        request(options, (answer) => resolve(answer.resume().statusCode))
          .once('error', reject)
          .end();
      });
    for (const path of ['/v1/fleets', '/pki/demo/', '/healthz', '/devices/VIN-1', '/director/ecus'])
      expect(await ask('GET', path), path).toBe(404);
    expect(await ask('GET', '/devices')).toBe(405);
    expect(await ask('POST', '/v1/fleets/demo/certificates/renew')).toBe(401);
  });
});

describe('limits', () => {
  it('no more devices register than maxDevices, whatever is asked at one time, and after a restart', async () => {
    const few = await makeShared({ maxDevices: 5 });
    const answers = await Promise.all(Array.from({ length: 16 }, (_, i) => post(few, bodyOf(`RACE-${i}`))));
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses.filter((status) => status === 200)).toHaveLength(5);
    const refused = answers.filter(({ status }) => status !== 200);
    expect(new Set(refused.map((answer) => answer.code()))).toEqual(new Set(['quota-exceeded']));
    await service.kill();
    service = await startService({ data });
    const spent = await post(few, bodyOf('RACE-99'));
    expect([spent.status, spent.code()]).toEqual([429, 'quota-exceeded']);
    const token = fleet.tokens.auditor;
    const record = await service.call('GET', `${registrations(fleet)}/${few.id}`, { token });
    expect(record.json()).toMatchObject({ registered: 5, maxDevices: 5 });
  });

  it('what is refused spends no use', async () => {
    const one = await makeShared({ maxDevices: 1 });
    expect((await post(one, bodyOf('VIN-1'))).code()).toBe('device_already_registered');
    expect((await post(one, bodyOf('a/b'))).code()).toBe('bad-device-id');
    expect((await post(one, bodyOf('VIN-30'))).status).toBe(200);
    expect((await post(one, bodyOf('VIN-31'))).code()).toBe('quota-exceeded');
  });

  it.each([
    ['no JSON', 'deviceId=x', 'application/json', 'bad-json'],
    ['no device ID', '{"ttl":36000}', 'application/json', 'bad-json'],
    ['a ttl of nothing', '{"deviceId":"VIN-32","ttl":0}', 'application/json', 'bad-json'],
    ['a ttl below nothing', '{"deviceId":"VIN-32","ttl":-1}', 'application/json', 'bad-json'],
    ['a ttl that is no number', '{"deviceId":"VIN-32","ttl":"ten"}', 'application/json', 'bad-json'],
    ['a ttl of an empty text', '{"deviceId":"VIN-32","ttl":""}', 'application/json', 'bad-json'],
    ['half a day', '{"deviceId":"VIN-32","ttl":0.5}', 'application/json', 'bad-json'],
    ['something else beside', '{"deviceId":"VIN-32","csr":"x"}', 'application/json', 'bad-json'],
    ['another type', '{"deviceId":"VIN-32"}', 'text/plain', 'unsupported-media-type'],
    ['a body that is too large', `{"deviceId":"${'x'.repeat(300_000)}"}`, 'application/json', 'too-large'],
  ])('%s is refused, and makes no device', async (_what, body, type, code) => {
    expect((await post(shared, body, type)).code()).toBe(code);
    const device = '/v1/fleets/demo/devices/VIN-32';
    expect((await service.call('GET', device, { token: fleet.tokens.auditor })).status).toBe(404);
  });
});

describe('the credentials of an operator', () => {
  it('are refused where the fleet has no registration CA, or no gateway root', async () => {
    const bare = await makeFleet(service, 'bare', { gatewayUrl: null });
    const json = { name: 'images', maxDevices: 1 };
    const ask = () => service.call('POST', registrations(bare), { token: bare.tokens.security, json });
    expect((await ask()).code()).toBe('bad-request');
    const rooted = await makeFleet(service, 'rooted');
    const early = { token: rooted.tokens.security, json };
    expect((await service.call('POST', registrations(rooted), early)).code()).toBe('authority-not-active');
  });

  it('name the authority that issues, where the fleet has several', async () => {
    const wide = await makeFleet(service, 'wide', { gatewayRoot: identity.root });
    const { security } = wide.tokens;
    await makeAuthority(service, 'wide', security, { name: 'line-8', kind: 'issuing' });
    await makeAuthority(service, 'wide', security, { name: 'registration', kind: 'registration' });
    const open = await makeShared({}, wide);
    expect((await post(open, bodyOf('VIN-1'))).code()).toBe('authority-ambiguous');
    const named = await makeShared({ authority: 'line-8' }, wide);
    const own = openCredentials((await post(named, bodyOf('VIN-1'))).body);
    expect(subjectsOf(own.ca)[0]).toBe('CN=wide line-8 G1');
  });

  it('leave an entry for the intent, the certificate and the revocation, and each device one of its own', async () => {
    const audited = await makeShared();
    await register(audited, 'VIN-40');
    const revoke = { token: fleet.tokens.security, json: { reason: 'lost' } };
    await service.call('POST', `${registrations(fleet)}/${audited.id}/revoke`, revoke);
    const entries: { action: string; actor: { kind: string; id: string }; details: { id?: string } }[] = [];
    for (let after: string | null = '0'; after !== null; ) {
      const page = await service.call('GET', `/v1/audit?limit=1000&after=${after}`, {
        token: await auditor(),
      });
      entries.push(...page.json().items);
      after = page.json().next;
    }
    const own = entries.filter(({ details }) => details.id === audited.id).map(({ action }) => action);
    expect(own).toEqual(['registration-intent-recorded', 'registration-issued', 'registration-revoked']);
    const acted = entries.filter(({ actor }) => actor.id === audited.id);
    expect(acted.map(({ action, actor }) => [actor.kind, action])).toEqual([
      ['registration', 'intents-recorded'],
      ['registration', 'certificates-issued'],
    ]);
  });

  it('are listed with what became of them, and nowhere is a key', async () => {
    const list = await service.call('GET', `${registrations(fleet)}?limit=1000`, {
      token: fleet.tokens.auditor,
    });
    const found = list.json().items.find(({ id }: { id: string }) => id === shared.id);
    expect(found).toMatchObject({ name: 'images', fleet: 'demo', maxDevices: 100, revokedAt: null });
    expect(list.text()).not.toContain('PRIVATE KEY');
    expect(service.log()).not.toContain('PRIVATE KEY');
  });
});

let auditorToken: string | undefined;
async function auditor(): Promise<string> {
  if (auditorToken === undefined) {
    const json = { name: 'auditor', role: 'auditor' };
    auditorToken = String(
      (await service.call('POST', '/v1/tokens', { token: service.admin, json })).json().token,
    );
  }
  return auditorToken;
}
