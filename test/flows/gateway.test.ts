/** `fleetca gateway`, which trusts what a fleet of the service publishes, and devices of that fleet. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FIRST_BOOT } from '../../src/gateway/index.ts';
import { callAsDevice, type DeviceCall, keepingAgent } from '../support/call-as-device.ts';
import {
  makeAuthority,
  makeDevice,
  makeFleet,
  requestCertificate,
  type TestFleet,
} from '../support/fleet.ts';
import { makeShop } from '../support/gateway-shop.ts';
import { runFleetca } from '../support/run-fleetca.ts';
import { type RunningGateway, runGateway } from '../support/run-gateway.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';

const work = scratchFolder();
let service: Service;
let fleet: TestFleet;
let gateway: RunningGateway;

interface Bundle {
  readonly chain: string;
  readonly key: string;
}

/** A device with a certificate of the fleet. */
async function issue(deviceId: string, query = ''): Promise<Bundle> {
  const { key, csr } = makeDevice(deviceId);
  const answer = await requestCertificate(service, fleet, {
    body: csr,
    query,
    accept: 'application/pem-certificate-chain',
  });
  if (answer.status !== 201) throw new Error(answer.text());
  return { chain: answer.text(), key: key.pkcs8Pem };
}

const call = ({ chain, key }: Bundle, wish: DeviceCall = {}) =>
  callAsDevice(gateway.port, { chain, key, root: gateway.root }, wish);

const leafOf = ({ chain, key }: Bundle): Bundle => ({
  chain: chain.slice(0, chain.indexOf('-----END') + '-----END CERTIFICATE-----\n'.length),
  key,
});

beforeAll(async () => {
  service = await startService();
  fleet = await makeFleet(service, 'demo', { gatewayUrl: 'https://localhost:9444' });
  gateway = await runGateway(work, [
    ...['--fleet', 'demo', '--url', service.apiUrl, '--ca-file', String(service.caFile)],
  ]);
});

afterAll(async () => {
  await gateway?.stop();
  await stopSound(service);
});

it('a device of the fleet boots for the first time, and is listed as online', async () => {
  const device = await issue('VIN-0001');
  for (const [method, path] of [
    ['POST', '/director/ecus'],
    ['PUT', '/system_info'],
    ['PUT', '/core/installed'],
    ['PUT', '/system_info/network'],
    ['POST', '/system_info/config'],
    ['PUT', '/director/manifest'],
  ] as const) {
    expect((await call(device, { method, path, body: '{}' })).status, path).toBe(200);
  }
  expect((await call(device, { path: '/director/1.root.json' })).status).toBe(404);
  expect(await gateway.devices()).toMatchObject([
    { deviceId: 'VIN-0001', state: 'online', routes: FIRST_BOOT, calls: 7 },
  ]);
  expect(await gateway.next('admitted')).toMatchObject({ before: null, device: { deviceId: 'VIN-0001' } });
});

it('a device that presents its leaf alone is let in, for the trust bundle has its issuer', async () => {
  const device = leafOf(await issue('VIN-0002'));
  expect(device.chain.match(/BEGIN/g)).toHaveLength(1);
  expect((await call(device)).text).toBe('VIN-0002\n');
});

it('a device of another fleet is refused, and listed with the reason', async () => {
  const other = makeShop();
  const leaf = other.device('VIN-0003');
  const answer = await call({ chain: leaf.pem + other.line.pem, key: leaf.key.pkcs8Pem });
  expect(answer.status).toBe(400);
  expect(await gateway.next('refused')).toMatchObject({ refusal: { deviceId: 'VIN-0003', count: 1 } });
  expect(await gateway.refusals()).toMatchObject([
    { deviceId: 'VIN-0003', code: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', subject: 'CN=VIN-0003' },
  ]);
});

it('a new authority is trusted within seconds, and a connection that was open stays', async () => {
  const first = await issue('VIN-0004', '?authority=line-7');
  const agent = keepingAgent();
  const before = await call(first, { agent });
  await makeAuthority(service, 'demo', fleet.tokens.security, { name: 'line-8', kind: 'issuing' });
  const second = leafOf(await issue('VIN-0005', '?authority=line-8'));
  expect(await gateway.next('trust-changed')).toMatchObject({
    trust: { certificates: 3, crls: 3, warnings: [] },
  });
  expect((await call(second)).text).toBe('VIN-0005\n');
  const after = await call(first, { agent });
  expect([after.status, after.localPort]).toEqual([200, before.localPort]);
  agent.destroy();
});

describe('the status endpoint', () => {
  it('counts devices, and says what is wrong with the trust', async () => {
    const answer = await fetch(`${gateway.statusUrl}/status`);
    const status = (await answer.json()) as { readonly trust: { readonly warnings: readonly string[] } };
    expect(status).toMatchObject({ devices: { online: 4, silent: 0, refused: 0 }, refusals: 1 });
    expect(status.trust.warnings).toEqual([]);
  });

  it('is read-only, and has nothing else', async () => {
    expect((await fetch(`${gateway.statusUrl}/devices`, { method: 'POST' })).status).toBe(405);
    expect((await fetch(`${gateway.statusUrl}/`)).status).toBe(404);
  });
});

it('a device that is revoked is refused within seconds, for the CRLs of the fleet are read as well', async () => {
  const device = await issue('VIN-0006', '?authority=line-7');
  expect((await call(device)).status).toBe(200);
  const revoked = await service.call('POST', '/v1/fleets/demo/devices/VIN-0006/revoke', {
    token: fleet.tokens.security,
    json: { reason: 'keyCompromise' },
  });
  expect(revoked.status, revoked.text()).toBe(200);
  let answer = await call(device);
  while (answer.status === 200) {
    await gateway.next('trust-changed');
    answer = await call(device);
  }
  expect(answer.text).toContain('[CERT_REVOKED]');
  const seen = (await gateway.devices()).find(({ deviceId }) => deviceId === 'VIN-0006');
  expect(seen?.state).toBe('refused');
  expect((await call(await issue('VIN-0007', '?authority=line-7'))).status).toBe(200);
});

describe('simulated devices', () => {
  it('boot with their bundles, and those that are refused are counted by reason', async () => {
    const bundles = join(work, 'bundles');
    const write = (name: string, { chain, key }: Bundle): void => {
      mkdirSync(join(bundles, name), { recursive: true });
      writeFileSync(join(bundles, name, 'client.pem'), chain);
      writeFileSync(join(bundles, name, 'pkey.pem'), key);
    };
    for (const name of ['sim-1', 'sim-2', 'sim-3']) write(name, await issue(name, '?authority=line-7'));
    const stranger = makeShop().device('sim-4');
    write('sim-4', { chain: stranger.pem, key: stranger.key.pkcs8Pem });
    writeFileSync(join(work, 'server-root.pem'), gateway.root);
    const { status, out, err } = await runFleetca(
      { cwd: work },
      ...['simulate', '--bundles', 'bundles', '--root', 'server-root.pem', '--json'],
      ...['--gateway', `https://localhost:${gateway.port}`, '--stagger-ms', '0'],
    );
    expect([status, err]).toEqual([1, '']);
    const result = JSON.parse(out);
    expect(result).toMatchObject({ devices: 4, online: 3, requests: 24, handshakes: 24 });
    expect(result.failures).toMatchObject([{ devices: 1, failure: expect.stringContaining('400') }]);
    const seen = (await gateway.devices()).filter(({ deviceId }) => deviceId.startsWith('sim-'));
    expect(seen.map(({ state, calls }) => [state, calls])).toEqual(Array(3).fill(['online', 7]));
  });
});

describe('a gateway that cannot start', () => {
  const run = (...args: readonly string[]) => runFleetca({ cwd: work }, 'gateway', ...args);

  it('says so where nothing tells it whom to trust', async () => {
    const { status, err } = await run();
    expect([status, err]).toEqual([2, expect.stringContaining('--fleet or by --trust-file')]);
  });

  it('refuses a file that holds no certificate', async () => {
    writeFileSync(join(work, 'empty.pem'), 'nothing\n');
    const { status, err } = await run('--trust-file', 'empty.pem');
    expect([status, err]).toEqual([2, expect.stringContaining('no certificate for the gateway to trust')]);
  });

  it('says which port is taken', async () => {
    writeFileSync(join(work, 'root.pem'), makeShop().root.pem);
    const { status, err } = await run('--trust-file', 'root.pem', '--port', String(gateway.port));
    expect([status, err]).toEqual([6, expect.stringContaining(`Port ${gateway.port} is taken`)]);
  });
});
