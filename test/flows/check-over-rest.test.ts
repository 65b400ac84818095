import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { type Gateway, parseTrust, startGateway } from '../../src/gateway/index.ts';
import { zipOf } from '../archive/zip-octets.ts';
import { tarOf } from '../batch/formats/tar-octets.ts';
import { makeDevice, makeFleet, requestCertificate, type TestFleet } from '../support/fleet.ts';
import { freePort } from '../support/free-port.ts';
import { makeShop } from '../support/gateway-shop.ts';
import { type Service, startService, stopSound } from '../support/service.ts';

const shop = makeShop();
const device = makeDevice('device-1');
let service: Service;
let cars: TestFleet;
let gateway: Gateway;
let files: Record<string, string>;

/** Something inside the network that nobody is to reach by way of the service. */
const inside = createServer((socket) => socket.destroy());
let calls = 0;
inside.on('connection', () => {
  calls += 1;
});

beforeAll(async () => {
  inside.listen(0, '127.0.0.1');
  await once(inside, 'listening');
  const port = await freePort();
  service = await startService({
    flags: { checkGateways: `localhost:${port},gateway.ota.api.here.com` },
  });
  const gatewayUrl = `https://localhost:${port}`;
  cars = await makeFleet(service, 'cars', { gatewayUrl, gatewayRoot: shop.serverRoot.pem });
  const issued = await requestCertificate(service, cars, { json: { csr: csrOf(device) } });
  const trusted = (await service.call('GET', '/pki/cars/trust-bundle.pem')).text();
  const crls = (await service.call('GET', '/pki/cars/crls.pem')).text();
  gateway = await startGateway({
    host: '127.0.0.1',
    port,
    identity: { key: shop.server.key.pkcs8Pem, certificate: shop.server.pem },
    trust: parseTrust({ trusted, crls }),
    clock: systemClock,
  });
  files = {
    'client.pem': [issued.json().certificate, ...issued.json().chain].join(''),
    'pkey.pem': device.key.pkcs8Pem,
    'root.crt': shop.serverRoot.pem,
    'gateway.url': gatewayUrl,
  };
});

afterAll(async () => {
  await gateway?.close();
  inside.close();
  await stopSound(service);
});

const csrOf = ({ csr }: typeof device): string => Buffer.from(csr).toString('base64');
const urlOf = (server: typeof inside): string =>
  `https://localhost:${(server.address() as AddressInfo).port}`;
const zipped = (more: Record<string, string> = {}): Buffer =>
  Buffer.from(zipOf(Object.entries({ ...files, ...more }).map(([name, content]) => ({ name, content }))));

const post = (query: string, body: Buffer = zipped(), fleet: TestFleet = cars) =>
  service.call('POST', `/v1/fleets/${fleet.name}/check${query}`, {
    token: fleet.tokens.station,
    type: 'application/zip',
    body,
  });
const codesOf = (report: { readonly findings: readonly { readonly code: string }[] }): readonly string[] =>
  report.findings.map(({ code }) => code);

describe('POST /v1/fleets/{fleet}/check', () => {
  it('judges a bundle by what the fleet publishes, on a gateway inside the service', async () => {
    const answer = await post('');
    expect(answer.status, answer.text()).toBe(200);
    const report = answer.json();
    expect(report).toMatchObject({ fleet: 'cars', gateway: null, verdict: 'pass', deviceId: 'device-1' });
    expect(codesOf(report)).toContain('gateway-accepts');
    expect(answer.text()).not.toContain('PRIVATE KEY');
    expect(service.log()).not.toContain('PRIVATE KEY');
  });

  it.each([
    ['application/x-tar', (tar: Buffer) => tar],
    ['application/gzip', gzipSync],
  ])('takes a tar as well: %s', async (type, pack) => {
    const tar = tarOf(...Object.entries(files).map(([name, content]) => ({ name, content })));
    const wish = { token: cars.tokens.station, type, body: Buffer.from(pack(tar)) };
    const report = (await service.call('POST', '/v1/fleets/cars/check', wish)).json();
    expect([report.verdict, report.deviceId]).toEqual(['pass', 'device-1']);
  });

  it("calls the fleet's gateway where the operator has named it", async () => {
    const report = (await post('?gateway=true')).json();
    expect(report.gateway).toBe(files['gateway.url']);
    expect(codesOf(report)).toEqual(expect.arrayContaining(['gateway-accepts', 'gateway-ca-names-unknown']));
    expect(gateway.roll.devices().map(({ deviceId }) => deviceId)).toContain('device-1');
  });

  it('says that a device was revoked, by the CRL that the fleet publishes', async () => {
    const gone = makeDevice('device-2');
    const issued = (await requestCertificate(service, cars, { json: { csr: csrOf(gone) } })).json();
    await service.call('POST', `/v1/certificates/${issued.id}/revoke`, {
      token: cars.tokens.security,
      json: { reason: 'keyCompromise' },
    });
    const bundle = zipped({
      'client.pem': [issued.certificate, ...issued.chain].join(''),
      'pkey.pem': gone.key.pkcs8Pem,
    });
    // The CRL is made about a second later.
    await expect
      .poll(async () => codesOf((await post('', bundle)).json()), { timeout: 20_000, interval: 250 })
      .toContain('leaf-revoked');
  });

  it('judges the bundle that it would make for a device of the fleet, whose key is elsewhere', async () => {
    const report = (
      await service.call('POST', '/v1/fleets/cars/check?deviceId=device-1&layout=device&gateway=true', {
        token: cars.tokens.security,
      })
    ).json();
    expect(report.deviceId).toBe('device-1');
    expect(codesOf(report)).toEqual(expect.arrayContaining(['key-elsewhere', 'handshake-not-tried']));
  });

  it('never calls what a bundle names', async () => {
    const bundle = zipped({ 'gateway.url': urlOf(inside) });
    expect((await post('?gateway=true', bundle)).json().gateway).toBe(files['gateway.url']);
    expect((await post('', bundle)).status).toBe(200);
    expect(calls).toBe(0);
  });

  it('does not call a gateway that the operator has not named, whoever has put it into the fleet', async () => {
    for (const [name, gatewayUrl] of [
      ['inward', urlOf(inside)],
      // The host alone is not enough: another port is another door.
      ['port', 'https://localhost'],
      ['metadata', 'https://169.254.169.254'],
    ] as const) {
      const fleet = await makeFleet(service, name, { gatewayUrl, gatewayRoot: shop.serverRoot.pem });
      const answer = await post('?gateway=true', zipped(), fleet);
      expect([answer.status, answer.code()], name).toEqual([422, 'gateway-not-allowed']);
    }
    const bare = await makeFleet(service, 'bare', { gatewayUrl: null });
    expect((await post('?gateway=true', zipped(), bare)).code()).toBe('gateway-not-allowed');
    expect(calls).toBe(0);
  });

  it('registers no device at OTA Connect unasked', async () => {
    const wish = { gatewayUrl: 'https://gateway.ota.api.here.com', gatewayRoot: shop.serverRoot.pem };
    for (const target of ['ota-connect', 'generic']) {
      const fleet = await makeFleet(service, `to-${target}`, { ...wish, target });
      const answer = await post('?gateway=true', zipped(), fleet);
      expect([answer.code(), answer.text()]).toEqual([
        'gateway-not-allowed',
        expect.stringContaining('mayRegister'),
      ]);
    }
  });

  it.each([
    ['what is no zip', '', () => Buffer.from('PK nonsense'), 'bad-request'],
    ['a zip over its limit', '', () => Buffer.alloc(300 * 1024, 1), 'too-large'],
    [
      'one that unpacks to more than a bundle has',
      '',
      () => zipped(Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((name) => [name, 'x'.repeat(120_000)]))),
      'too-large',
    ],
    ['a layout of what is posted', '?layout=device', () => zipped(), 'bad-request'],
    ['a URL in the query', '?gateway=https://localhost:1', () => zipped(), 'bad-request'],
  ])('refuses %s', async (_, query, body, code) => {
    expect((await post(query, body())).code()).toBe(code);
  });

  it('refuses another media type', async () => {
    const wish = { token: cars.tokens.station, type: 'text/plain', body: 'x' };
    expect((await service.call('POST', '/v1/fleets/cars/check', wish)).code()).toBe('unsupported-media-type');
  });
});
