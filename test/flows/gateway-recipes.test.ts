/**
 * The commands of the pages about gateways, checks, servers and revocation, run as they stand; names, ports and
 * folders alone are those of the test. For `aws` and `az`, whose clouds are not here, stands a program that answers.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { type Gateway, parseTrust, startGateway } from '../../src/gateway/index.ts';
import { zipOf } from '../archive/zip-octets.ts';
import { makeDevice, makeFleet, requestCertificate, rowOf, type TestFleet } from '../support/fleet.ts';
import { freePort } from '../support/free-port.ts';
import { makeShop } from '../support/gateway-shop.ts';
import { blocksOf, paste, workFolder } from '../support/paste-page.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';

const UUID = '0f8fad5b-d9cb-469f-a165-70867728950e';
const shop = makeShop();
let service: Service;
let url: string;
let gateway: Gateway;

beforeAll(async () => {
  const port = await freePort();
  url = `https://localhost:${port}`;
  service = await startService({ flags: { checkGateways: `localhost:${port}` } });
  const cars = await makeFleet(service, 'cars', { gatewayUrl: url, gatewayRoot: shop.serverRoot.pem });
  gateway = await startGateway({
    host: '127.0.0.1',
    port,
    identity: { key: shop.server.key.pkcs8Pem, certificate: shop.server.pem },
    trust: parseTrust({ trusted: await published('cars', 'trust-bundle.pem'), crls: null }),
    clock: systemClock,
  });
  fleets = { cars };
});

afterAll(async () => {
  await gateway?.close();
  await stopSound(service);
});

let fleets: Record<string, TestFleet> = {};
const fleet = async (name: string): Promise<TestFleet> => {
  fleets[name] ??= await makeFleet(service, name, { gatewayRoot: shop.serverRoot.pem });
  return fleets[name];
};
const published = async (name: string, file: string): Promise<string> =>
  (await service.call('GET', `/pki/${name}/${file}`)).text();

/** A device of a fleet, with what it is handed; its names in the inventory go with it. */
async function deviceOf(of: TestFleet, deviceId: string) {
  const { key, csr } = makeDevice(deviceId);
  const answer = await requestCertificate(service, of, {
    json: { csr: Buffer.from(csr).toString('base64') },
  });
  const { certificate, chain, id, serial } = answer.json();
  const files = {
    'client.pem': [certificate, ...chain].join(''),
    'pkey.pem': key.pkcs8Pem,
    'root.crt': shop.serverRoot.pem,
    'gateway.url': url,
  };
  return { id: String(id), serial: String(serial), files };
}

function put(folder: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(folder, name), content, { mode: 0o600 });
}

const zip = (folders: Readonly<Record<string, Readonly<Record<string, string>>>>): Buffer =>
  zipOf(
    Object.entries(folders).flatMap(([folder, files]) =>
      Object.entries(files).map(([name, content]) => ({ name: `${folder}/${name}`, content })),
    ),
  );

it('every command of docs/gateway.md works as it stands, from a gateway to devices that boot against it', async () => {
  const tour = await fleet('tour');
  const { files } = await deviceOf(tour, 'VIN-0001');
  const { cwd, env } = workFolder(tour.tokens.station);
  put(cwd, files);
  put(join(cwd, 'quickstart-out/devices/VIN-0001'), files);
  const [port, status] = [await freePort(), await freePort()];
  const up = `for i in $(seq 200); do curl -s http://127.0.0.1:${status}/status > up && break; sleep 0.1; done`;
  const out = await paste(blocksOf('gateway.md'), {
    service,
    cwd,
    env,
    instead: {
      // In a terminal of its own, says the page.
      '--own-root gw\n': `--own-root gw --port ${port} --status-port ${status} > gateway.log 2>&1 & ${up}\n`,
      'localhost:9444': `localhost:${port}`,
      '127.0.0.1:9445': `127.0.0.1:${status}`,
      '--devices 200': '--devices 1',
      '--rounds 10 --every 3600': '--rounds 2 --every 0',
      'https://127.0.0.1:9443': String(service.mutualUrl),
      'keys/service-ca.crt': String(service.caFile),
    },
  });
  expect(out).toMatch(/^VIN-0001/);
  expect(out).toContain('x-ats-device-uuid: VIN-0001');
  expect(out).toContain('1 of 1 online');
  expect(readFileSync(join(cwd, 'nginx/reload.sh'), 'utf8')).toContain('/etc/nginx/fleetca');
});

it('every command of docs/check.md works as it stands, over REST too', async () => {
  const cars = await fleet('cars');
  const one = await deviceOf(cars, 'VIN-0001');
  const two = await deviceOf(cars, UUID);
  const { cwd, env } = workFolder(cars.tokens.security);
  put(join(cwd, 'import'), one.files);
  put(cwd, {
    'trust-bundle.pem': await published('cars', 'trust-bundle.pem'),
    'crls.pem': await published('cars', 'crls.pem'),
    'root.pem': await published('cars', 'fleet-root.pem'),
  });
  writeFileSync(join(cwd, 'bundle.zip'), zip({ 'VIN-0001': one.files }));
  writeFileSync(join(cwd, 'bundles.zip'), zip({ 'VIN-0001': one.files, [UUID]: two.files }));
  const out = await paste(blocksOf('check.md'), {
    service,
    cwd,
    env: { ...env, CA: String(service.caFile), TOKEN: cars.tokens.station, API: service.apiUrl },
    instead: { '/var/sota/import ': 'import ', 'https://gateway.example:8443': url },
  });
  expect(out.match(/^PASS /gm)).toHaveLength(6);
  expect(out).toContain('The gateway let the device in');
  expect(out.match(/"verdict":"pass"/g)).toHaveLength(2);
});

it('every command of docs/ota-servers.md works as it stands, with programs that stand for two clouds', async () => {
  const demo = await fleet('demo');
  const { cwd, env } = workFolder(demo.tokens.security);
  const programs = scratchFolder();
  for (const cloud of ['aws', 'az'])
    writeFileSync(
      join(programs, cloud),
      `#!/bin/sh\necho "${cloud} $*" >> calls\necho "$PPID-code" | head -c 12\n`,
      { mode: 0o755 },
    );
  await paste(blocksOf('ota-servers.md'), {
    service,
    cwd,
    programs,
    env: { ...env, DPS: 'dps', GROUP: 'group' },
    instead: { '/etc/nginx/fleet': 'ngx', 'nginx -t && systemctl reload nginx': 'touch reloaded' },
  });
  expect(readFileSync(join(cwd, 'hand-over/letter.txt'), 'utf8')).toContain('demo');
  expect(readFileSync(join(cwd, 'ngx/trust-bundle.pem'), 'utf8')).toContain('BEGIN CERTIFICATE');
  expect(readFileSync(join(cwd, 'reloaded'), 'utf8')).toBe('');
  expect(readFileSync(join(cwd, 'aws/calls'), 'utf8')).toContain('register-ca-certificate');
  expect(readFileSync(join(cwd, 'azure/calls'), 'utf8')).toContain('iot dps certificate verify');
});

it('every command of docs/revocation.md works as it stands, the hook too', async () => {
  const line = await fleet('line');
  const { id } = await deviceOf(line, 'VIN-0002');
  await deviceOf(line, 'VIN-0001');
  const { serial } = await deviceOf(line, 'VIN-0004');
  const lot = await service.call('POST', '/v1/fleets/line/batches', {
    token: line.tokens.station,
    type: 'application/x-ndjson',
    headers: { 'idempotency-key': 'lot-2027-05-11' },
    body: rowOf(makeDevice('VIN-0003').csr),
  });
  expect(lot.status).toBe(200);
  const { cwd, env } = workFolder(line.tokens.security);
  const at = join(cwd, 'fleet');
  mkdirSync(at);
  await paste(blocksOf('revocation.md'), {
    service,
    cwd,
    env,
    instead: {
      '5b1f0c…': id,
      '4f0c…': serial,
      '--fleet demo': '--fleet line',
      '/pki/demo/': '/pki/line/',
      '/etc/nginx/fleet': at,
      'http://127.0.0.1:8080': String(service.publicUrl),
      // The machine's own nginx is not the test's to reload.
      'nginx -t -q && nginx -s reload': 'touch reloaded',
    },
  });
  expect(readFileSync(join(at, 'crls.pem'), 'utf8').match(/BEGIN X509 CRL/g)).toHaveLength(2);
  expect(readFileSync(join(at, 'reloaded'), 'utf8')).toBe('');
  const revoked = (
    await service.call('GET', '/v1/fleets/line/certificates?status=revoked', {
      token: line.tokens.auditor,
    })
  ).json();
  expect(revoked.items).toHaveLength(4);
});
