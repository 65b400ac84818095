/** Real gateways with what `fleetca gateway config` wrote, and the hook that keeps them current, on fleets of the service. */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callAsDevice } from '../support/call-as-device.ts';
import { isLeftOut } from '../support/counterpart.ts';
import {
  makeAuthority,
  makeDevice,
  makeFleet,
  requestCertificate,
  type TestFleet,
} from '../support/fleet.ts';
import { freePort } from '../support/free-port.ts';
import { makeShop } from '../support/gateway-shop.ts';
import { placeServer, type RealGateway, runRealGateway, startUpstream } from '../support/real-gateways.ts';
import { runFleetca } from '../support/run-fleetca.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';

const shop = makeShop();
let service: Service;
let upstream: Awaited<ReturnType<typeof startUpstream>>;
/** The gateway that is looked at. */
let at: string;
let fleet: TestFleet;
let gateway: RealGateway;

/** How each is told to reload where the test runs it, and how it says no. */
const KINDS = {
  // `nginx -t` would read the machine's own configuration.
  nginx: { signal: 'HUP', env: { FLEETCA_CHECK: 'true' }, no: 400 },
  // Its own check is the hook's: `haproxy -c -f haproxy.cfg`.
  haproxy: { signal: 'USR2', env: {}, no: 'no answer' },
} as const;
type Kind = keyof typeof KINDS;
type Status = number | 'no answer';

/** The status that a device of an authority gets, which presents its leaf alone. */
async function callWith(deviceId: string, authority: string): Promise<() => Promise<Status>> {
  const { key, csr } = makeDevice(deviceId);
  const wish = { body: csr, query: `?authority=${authority}`, accept: 'application/pem-certificate-chain' };
  const answer = await requestCertificate(service, fleet, wish);
  const [leaf = ''] = answer.text().split(/(?<=-----END CERTIFICATE-----\n)/);
  const credentials = { chain: leaf, key: key.pkcs8Pem, root: shop.serverRoot.pem };
  return () =>
    callAsDevice(gateway.ports.demo ?? 0, credentials, { method: 'POST', path: '/director/ecus' }).then(
      ({ status }) => status,
      () => 'no answer' as const,
    );
}

/** Runs the hook with a shell; the gateway is the test's own, not the machine's. */
function runHookOf(kind: Kind, shell: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const known = KINDS[kind];
  const [program = 'sh', ...args] = shell;
  const { status, stderr } = spawnSync(program, [...args, join(at, 'reload.sh')], {
    encoding: 'utf8',
    env: {
      PATH: `${process.env.PATH}:/usr/sbin`,
      ...known.env,
      FLEETCA_RELOAD: `kill -${known.signal} ${gateway.process.pid}`,
      ...env,
    },
  });
  return { status, stderr };
}

/** A gateway takes a reload when it can: asks until the answer is there. */
async function eventually(call: () => Promise<Status>, due: Status): Promise<Status> {
  let status = await call();
  for (let left = 300; status !== due && left > 0; left--) status = await call();
  return status;
}

beforeAll(async () => {
  service = await startService();
  upstream = await startUpstream();
});

afterAll(async () => {
  upstream?.close();
  await stopSound(service);
});

const present = (Object.keys(KINDS) as Kind[]).filter((kind) => !isLeftOut(kind) && !isLeftOut('curl'));

describe.each(present)('%s, kept current by the hook,', (kind) => {
  const { no } = KINDS[kind];
  const runHook = (shell: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    runHookOf(kind, shell, env);

  beforeAll(async () => {
    at = scratchFolder();
    fleet = await makeFleet(service, kind);
    const port = await freePort();
    const { status, err } = await runFleetca(
      { cwd: at },
      ...['gateway', 'config', '--for', kind, '--fleet', kind, '--out', at],
      ...['--listen', `127.0.0.1:${port}`, '--upstream', upstream.url],
      ...['--url', service.apiUrl, '--ca-file', String(service.caFile)],
    );
    if (status !== 0) throw new Error(err);
    placeServer(at, shop.server);
    gateway = await runRealGateway(kind, { demo: at }, { demo: port });
  });

  afterAll(() => gateway?.stop());

  it('lets in a device of the fleet, and after the next run one of an authority that is new', async () => {
    const first = await callWith('VIN-0001', 'line-7');
    expect(await first()).toBe(200);
    expect(runHook(['sh'])).toEqual({ status: 0, stderr: '' });
    await makeAuthority(service, kind, fleet.tokens.security, { name: 'line-8', kind: 'issuing' });
    const second = await callWith('VIN-0002', 'line-8');
    expect(await second()).toBe(no);
    expect(runHook(isLeftOut('busybox') ? ['sh'] : ['busybox', 'sh'])).toEqual({ status: 0, stderr: '' });
    expect(await eventually(second, 200)).toBe(200);
    expect(await first()).toBe(200);
  });

  it('refuses a device that was revoked, once the hook has fetched the CRLs', async () => {
    const device = await callWith('VIN-0003', 'line-7');
    const other = await callWith('VIN-0004', 'line-7');
    expect(await device()).toBe(200);
    const json = { reason: 'keyCompromise' };
    const path = `/v1/fleets/${kind}/devices/VIN-0003/revoke`;
    expect((await service.call('POST', path, { token: fleet.tokens.security, json })).status).toBe(200);
    let status: Status = 200;
    for (const since = performance.now(); status === 200 && performance.now() - since < 60_000; ) {
      expect(runHook(['sh'])).toEqual({ status: 0, stderr: '' });
      status = await device();
    }
    expect(status).toBe(no);
    expect(await other()).toBe(200);
  });

  it('keeps what it had where the new files do not hold, or the service does not answer', async () => {
    const before = readFileSync(join(at, 'trusted.pem'), 'utf8');
    await makeAuthority(service, kind, fleet.tokens.security, { name: 'line-9', kind: 'issuing' });
    const refused = runHook(['sh'], { FLEETCA_CHECK: 'false' });
    expect(refused).toEqual({ status: 1, stderr: expect.stringContaining('the old ones are back') });
    expect(readFileSync(join(at, 'trusted.pem'), 'utf8')).toBe(before);
    const script = readFileSync(join(at, 'reload.sh'), 'utf8');
    writeFileSync(
      join(at, 'reload.sh'),
      script.replace(/from='[^']*'/, `from='https://127.0.0.1:1/pki/${kind}'`),
    );
    expect(runHook(['sh'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('could not be fetched'),
    });
    writeFileSync(join(at, 'reload.sh'), script);
    expect(readFileSync(join(at, 'trusted.pem'), 'utf8')).toBe(before);
  });

  it('is reloaded by the next run where a reload failed', async () => {
    const failed = runHook(['sh'], { FLEETCA_RELOAD: 'false' });
    expect(failed).toMatchObject({ status: 1, stderr: expect.stringContaining('the next run tries again') });
    rmSync(join(at, 'told'), { force: true });
    const reload = `touch ${join(at, 'told')}`;
    expect(runHook(['sh'], { FLEETCA_RELOAD: reload }).status).toBe(0);
    expect(readFileSync(join(at, 'told'), 'utf8')).toBe('');
    rmSync(join(at, 'told'));
    expect(runHook(['sh'], { FLEETCA_RELOAD: reload }).status).toBe(0);
    expect(() => readFileSync(join(at, 'told'))).toThrow();
  });
});
