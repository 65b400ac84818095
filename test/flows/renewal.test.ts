/**
 * Devices renew over mutual TLS: within the window and in the grace after it, and nobody else. The clock moves on
 * with each start of the service, and never back.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeCertificatePem } from '../../src/x509/index.ts';
import { callAsDevice, type GatewayAnswer } from '../support/call-as-device.ts';
import { makeCsr, makeKey, type TestKey } from '../support/csr.ts';
import { deviceProfile } from '../support/decide.ts';
import { anyRoot, makeAuthority, makeFleet, requestCertificate, type TestFleet } from '../support/fleet.ts';
import { hierarchy } from '../support/hierarchy.ts';
import { blocksOf, paste } from '../support/paste-page.ts';
import { runFleetca } from '../support/run-fleetca.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';
import { openCredentials } from '../support/shared-credentials.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** With the day before the issue a life of 30 hours: the last third is the window. */
const IN_WINDOW_MS = 6 * HOUR;

const SERVER_ONLY = { ...deviceProfile(), name: 'server-only' };

interface Device {
  readonly deviceId: string;
  readonly key: TestKey;
  readonly chain: string;
  readonly id: string;
}

const data = scratchFolder();
/** All of it is past, so that this process takes the service's own certificate for valid, too. */
const AGO_MS = 40 * DAY;
const begun = Date.now() - AGO_MS;
let service: Service;
let fleet: TestFleet;
let root: string;
const devices: Record<string, Device> = {};

/** Starts the service, so much later than it began. */
const start = async (laterMs = 0): Promise<void> => {
  service = await startService({ data, clockOffsetMs: laterMs - AGO_MS });
};

async function issue(deviceId: string, wish: Record<string, unknown> = {}): Promise<Device> {
  const key = makeKey();
  const json = {
    csr: Buffer.from(makeCsr({ deviceId, key })).toString('base64'),
    notAfter: new Date(begun + IN_WINDOW_MS).toISOString(),
    ...wish,
  };
  const answer = await requestCertificate(service, fleet, { json, token: fleet.tokens.security });
  if (answer.status !== 201) throw new Error(answer.text());
  const { chain, id } = answer.json();
  const device = { deviceId, key, chain, id };
  devices[deviceId] = device;
  return device;
}

const known = (deviceId: string): Device => {
  const device = devices[deviceId];
  if (!device) throw new Error(`there is no ${deviceId}`);
  return device;
};

interface Renewal {
  readonly csr?: Uint8Array;
  readonly fleet?: string;
}

const renewAs = (
  credentials: { readonly chain?: string; readonly key?: string },
  { csr = makeCsr({ deviceId: 'x' }), fleet: name = 'demo' }: Renewal,
): Promise<GatewayAnswer> =>
  callAsDevice(
    Number(new URL(String(service.mutualUrl)).port),
    { ...credentials, root },
    {
      method: 'POST',
      path: `/v1/fleets/${name}/certificates/renew`,
      headers: { 'Content-Type': 'application/pkcs10' },
      body: Buffer.from(csr),
    },
  );

/** As the device, with its certificate of now; under a new key unless it says another. */
const renew = (device: Device, { csr, ...more }: Renewal & { readonly key?: TestKey } = {}) =>
  renewAs(
    { chain: device.chain, key: device.key.pkcs8Pem },
    { csr: csr ?? makeCsr({ deviceId: device.deviceId, key: more.key ?? makeKey() }), ...more },
  );

const codeOf = ({ status, text }: GatewayAnswer): readonly [number, string] => [
  status,
  JSON.parse(text).code ?? JSON.parse(text).status,
];

const revoke = (id: string) =>
  service.call('POST', `/v1/certificates/${id}/revoke`, {
    token: fleet.tokens.security,
    json: { reason: 'keyCompromise' },
  });

const historyOf = async (deviceId: string) =>
  (await service.call('GET', `/v1/fleets/demo/devices/${deviceId}`, { token: fleet.tokens.auditor })).json();

/** Registration credentials of the fleet, as what devices register with. */
async function registrationPeer() {
  await makeAuthority(service, 'demo', fleet.tokens.security, { name: 'registration', kind: 'registration' });
  const made = await service.call('POST', '/v1/fleets/demo/registration-credentials', {
    token: fleet.tokens.security,
    json: { name: 'images', maxDevices: 1 },
  });
  const { cert, pkey } = openCredentials(made.body);
  return { chain: cert, key: pkey };
}

beforeAll(async () => {
  mkdirSync(join(data, 'profiles'));
  const serverAuth = { extendedKeyUsage: { critical: false, purposes: ['serverAuth'] } };
  writeFileSync(
    join(data, 'profiles', 'server-only.yaml'),
    JSON.stringify({ ...SERVER_ONLY, ...serverAuth }),
  );
  await start();
  fleet = await makeFleet(service, 'demo');
  await makeFleet(service, 'other');
  root = anyRoot(service);
  const expiring = ['grace', 'grace-revoked', 'late', 'kill-0', 'kill-1', 'kill-2', 'kill-3'];
  for (const id of expiring) await issue(id);
  await revoke(known('grace-revoked').id);
  await issue('grace-server', { profile: 'server-only' });
});
afterAll(() => stopSound(service));

describe('before its end', () => {
  it('section 8, 365 days: a device has its next certificate, for a new key or the same, as the one before', async () => {
    const first = await issue('new-key', { labels: { line: '7' } });
    const key = makeKey();
    const answer = await renew(first, { key });
    expect(answer.status).toBe(201);
    const next = JSON.parse(answer.text);
    expect(next).toMatchObject({
      deviceId: 'new-key',
      renews: first.id,
      labels: { line: '7' },
      status: 'active',
    });
    expect(next.station).toBe(first.id);
    const same = await issue('same-key');
    const kept = await renew(same, { key: same.key });
    expect([kept.status, JSON.parse(kept.text).renews]).toEqual([201, same.id]);
    expect(JSON.parse(kept.text).keyDigest).toBe((await historyOf('same-key')).certificates[1].keyDigest);
    const marks = (await historyOf('same-key')).certificates.map((one: { status: string }) => one.status);
    expect(marks).toEqual(['active', 'superseded']);
    // A whole life lies before it.
    const early = await renew({ ...first, key, chain: next.chain });
    expect(codeOf(early)).toEqual([409, 'renewal-too-early']);
    expect(JSON.parse(early.text).detail).toMatch(/from \d{4}-\d\d-\d\dT[\d:.]+Z on/);
  });

  it('the same request again is the same certificate, however many ask at one time', async () => {
    const device = await issue('retry');
    const key = makeKey();
    const answers = await Promise.all(Array.from({ length: 10 }, () => renew(device, { key })));
    const ids = new Set(answers.map(({ text }) => JSON.parse(text).id));
    expect(ids.size).toBe(1);
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array(9).fill(200), 201]);
    expect((await historyOf('retry')).certificates).toHaveLength(2);
    // The key was lost with the answer: another one, with the certificate that is left.
    expect((await renew(device)).status).toBe(201);
  });

  it('a lost board is revoked when the new one renews for the first time', async () => {
    const old = await issue('board');
    const board = await issue('board', { supersede: { reason: 'swap', revokeOld: 'after-handshake' } });
    expect((await renew(board)).status).toBe(201);
    const { certificates } = await historyOf('board');
    expect(certificates.map((one: { status: string }) => one.status)).toEqual([
      'active',
      'superseded',
      'revoked',
    ]);
    expect(certificates[2]).toMatchObject({ id: old.id, revocationReason: 'superseded' });
    expect(codeOf(await renew(old))).toEqual([401, 'unauthenticated']);
  });
});

describe('fleetca renew', () => {
  const place = (device: Device): string => {
    const folder = scratchFolder();
    writeFileSync(join(folder, 'client.pem'), device.chain);
    writeFileSync(join(folder, 'pkey.pem'), device.key.pkcs8Pem, { mode: 0o600 });
    return folder;
  };
  const run = (folder: string, ...more: readonly string[]) =>
    runFleetca(
      { cwd: folder },
      ...['renew', '--fleet', 'demo', '--cert', 'client.pem', '--key', 'pkey.pem'],
      ...['--at', String(service.mutualUrl), '--ca-file', String(service.caFile), '--json', ...more],
    );
  const read = (folder: string, name: string): string => readFileSync(join(folder, name), 'utf8');
  /** They belong together, and nothing lies beside them. */
  const expectPair = (folder: string): string => {
    const leaf = new X509Certificate(read(folder, 'client.pem'));
    expect(leaf.checkPrivateKey(createPrivateKey(read(folder, 'pkey.pem')))).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(['client.pem', 'pkey.pem']);
    expect(statSync(join(folder, 'pkey.pem')).mode & 0o777).toBe(0o600);
    return leaf.fingerprint256.replaceAll(':', '').toLowerCase();
  };

  it('section 9, certificate without its key: both are replaced together', async () => {
    const device = await issue('cli-new');
    const folder = place(device);
    const done = await run(folder);
    expect(done.err).toBe('');
    const id = expectPair(folder);
    expect(JSON.parse(done.out)).toMatchObject({ deviceId: 'cli-new', id, resumed: false });
    expect(read(folder, 'pkey.pem')).not.toBe(device.key.pkcs8Pem);
    expect((await historyOf('cli-new')).certificates[0]).toMatchObject({ id, renews: device.id });
    const early = await run(folder);
    expect([early.status, expectPair(folder)]).toEqual([5, id]);
    const same = place(await issue('cli-same'));
    const before = read(same, 'pkey.pem');
    expect((await run(same, '--same-key')).status).toBe(0);
    expectPair(same);
    expect(read(same, 'pkey.pem')).toBe(before);
  });

  it('a run that was cut off is ended by the next, wherever that was', async () => {
    const device = await issue('cli-cut');
    const key = makeKey();
    const lost = await renew(device, { key });
    const { id, chain } = JSON.parse(lost.text);
    // The answer was lost: the key lies there, and the same certificate comes.
    const before = place(device);
    writeFileSync(join(before, 'pkey.pem.next'), key.pkcs8Pem, { mode: 0o600 });
    expect(JSON.parse((await run(before)).out)).toMatchObject({ id, resumed: false });
    expect(expectPair(before)).toBe(id);
    // Both were there, and neither was replaced; or the key alone was.
    for (const names of [
      ['pkey.pem.next', 'client.pem.next'],
      ['pkey.pem', 'client.pem.next'],
    ] as const) {
      const folder = place(device);
      writeFileSync(join(folder, names[0]), key.pkcs8Pem, { mode: 0o600 });
      writeFileSync(join(folder, names[1]), chain);
      expect(JSON.parse((await run(folder)).out)).toMatchObject({ id, resumed: true });
      expect(expectPair(folder)).toBe(id);
    }
  });
});

describe('refused is', () => {
  it('another subject, and another fleet', async () => {
    const device = await issue('subject');
    const other = await renew(device, { csr: makeCsr({ deviceId: 'somebody-else' }) });
    expect(codeOf(other)).toEqual([422, 'device-id-mismatch']);
    expect(codeOf(await renew(device, { fleet: 'other' }))).toEqual([404, 'not-found']);
    expect(codeOf(await renew(device, { fleet: 'nowhere' }))).toEqual([404, 'not-found']);
  });

  it('a certificate that was revoked, superseded, or both, and a scrapped device’s', async () => {
    const revoked = await issue('revoked');
    await revoke(revoked.id);
    expect(codeOf(await renew(revoked))).toEqual([401, 'unauthenticated']);
    const superseded = await issue('superseded');
    await issue('superseded', { supersede: { reason: 'board' } });
    expect(codeOf(await renew(superseded))).toEqual([409, 'certificate-superseded']);
    await revoke(superseded.id);
    expect(codeOf(await renew(superseded))).toEqual([401, 'unauthenticated']);
    const scrapped = await issue('scrapped');
    await service.call('POST', '/v1/fleets/demo/devices/scrapped/scrap', {
      token: fleet.tokens.security,
      json: { reason: 'burnt' },
    });
    expect(codeOf(await renew(scrapped))).toEqual([409, 'device-scrapped']);
  });

  it('a client without a certificate, with a foreign one of the same name, or one that devices register with', async () => {
    expect(codeOf(await renewAs({}, {}))).toEqual([401, 'unauthenticated']);
    const foreign = hierarchy(new Date());
    const key = makeKey();
    const der = await foreign.device(await foreign.authority('generic', 'fleet-root', 'root'), 'grace', key);
    const stranger = { chain: encodeCertificatePem(der), key: key.pkcs8Pem };
    expect(codeOf(await renewAs(stranger, {}))).toEqual([401, 'unauthenticated']);
    expect(codeOf(await renewAs(await registrationPeer(), {}))).toEqual([401, 'unauthenticated']);
  });

  it('one that is not for clients, and a request that the profile refuses', async () => {
    expect(codeOf(await renew(known('grace-server')))).toEqual([401, 'unauthenticated']);
    const device = await issue('weak');
    const broken = makeCsr({ deviceId: 'weak' });
    broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1;
    expect((await renew(device, { csr: broken })).status).toBeGreaterThanOrEqual(400);
    expect((await historyOf('weak')).certificates).toHaveLength(1);
  });
});

it('every command of docs/renewal.md works as it stands', async () => {
  const { chain, key } = await issue('VIN-0001');
  const cwd = scratchFolder();
  const files = { 'client.pem': chain, 'pkey.pem': key.pkcs8Pem };
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(cwd, name), content, { mode: 0o600 });
  writeFileSync(join(cwd, 'service-ca.pem'), readFileSync(String(service.caFile)));
  await paste(blocksOf('renewal.md'), {
    service,
    cwd,
    instead: { 'https://127.0.0.1:9443': String(service.mutualUrl) },
  });
  const { certificates } = await historyOf('VIN-0001');
  const [newest, asked] = certificates.map((one: { id: string }) => one.id);
  const idIn = (file: string): string =>
    new X509Certificate(readFileSync(join(cwd, file))).fingerprint256.replaceAll(':', '').toLowerCase();
  expect([idIn('client.pem'), idIn('new.pem')]).toEqual([newest, asked]);
});

describe('after its end', () => {
  it('a service that was killed in the middle gives each device one certificate, to the same request', async () => {
    await service.stop();
    await start(IN_WINDOW_MS + HOUR);
    const asked = ['kill-0', 'kill-1', 'kill-2', 'kill-3'].map((id) => ({
      device: known(id),
      key: makeKey(),
    }));
    const calls = asked.map(({ device, key }) => renew(device, { key }).catch(() => undefined));
    await Promise.race(calls);
    await service.kill();
    const before = await Promise.all(calls);
    await start(IN_WINDOW_MS + HOUR + 60_000);
    for (const [i, { device, key }] of asked.entries()) {
      const after = await renew(device, { key });
      expect([200, 201]).toContain(after.status);
      const had = before[i];
      if (had && had.status === 201) expect(JSON.parse(after.text).id).toBe(JSON.parse(had.text).id);
      expect((await historyOf(device.deviceId)).certificates).toHaveLength(2);
    }
  });

  it('a device renews while the grace lasts, and one that was revoked or is not for clients does not', async () => {
    const answer = await renew(known('grace'));
    expect(answer.status).toBe(201);
    expect(JSON.parse(answer.text).renews).toBe(known('grace').id);
    expect(codeOf(await renew(known('grace-revoked')))).toEqual([401, 'unauthenticated']);
    expect(codeOf(await renew(known('grace-server')))).toEqual([401, 'unauthenticated']);
  });

  it('and not beyond it', async () => {
    await service.stop();
    await start(AGO_MS);
    expect(codeOf(await renew(known('late')))).toEqual([409, 'renewal-too-late']);
  });
});
