/** Devices reach the registry and events reach webhooks, whatever happens between here and there. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callAsDevice } from '../support/call-as-device.ts';
import { makeCsr, makeKey } from '../support/csr.ts';
import { type DeviceRegistry, startDeviceRegistry } from '../support/device-registry.ts';
import {
  anyRoot,
  makeDevice,
  makeFleet,
  requestCertificate,
  rowOf,
  type TestFleet,
} from '../support/fleet.ts';
import { sendLot } from '../support/lot-upload.ts';
import { makeWorkshop } from '../support/provisioning-server.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';
import { startWebhookReceiver, verifyReceived } from '../support/webhook-receiver.ts';

const TOKEN = 'a-token-of-the-registry';
const flags = {
  outgoingPrivateHosts: '127.0.0.1',
  outgoingFirstRetrySeconds: '1',
  outgoingAttempts: '3',
  outgoingTimeoutSeconds: '3',
};

const data = scratchFolder();
let service: Service;
let fleet: TestFleet;
let registry: DeviceRegistry;
let receiver: Awaited<ReturnType<typeof startWebhookReceiver>>;
let secret: string;
let serverCa: string;
let logs = '';

const call = (method: string, path: string, json?: unknown) =>
  service.call(method, path, { token: fleet.tokens.security, ...(json === undefined ? {} : { json }) });
const inFleet = (method: string, path: string, json?: unknown) => call(method, `/v1/fleets/ota${path}`, json);

/** Resolves when it holds. */
async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const since = performance.now(); performance.now() - since < 60_000; await pause(50))
    if (await holds()) return;
  throw new Error(`it never came to be: ${what}`);
}

const setRegistry = (more: Record<string, unknown> = {}) =>
  inFleet('PUT', '/registry', {
    url: registry.url,
    deviceType: 'Vehicle',
    deviceNameLabel: 'vin',
    serverCa,
    token: TOKEN,
    ...more,
  });

const lotOf = (uuids: readonly string[]): string =>
  uuids.map((uuid, i) => rowOf(makeDevice(uuid).csr, { labels: { vin: `VIN-${i}` } })).join('');
const uuids = (count: number): readonly string[] => Array.from({ length: count }, () => randomUUID());
const registered = (): readonly string[] => registry.devices().map(({ uuid }) => uuid);
const holdsAll = (all: readonly string[]) => (): boolean => {
  const there = new Set(registered());
  return all.every((uuid) => there.has(uuid));
};
const deliveries = async (state: string) => (await inFleet('GET', `/deliveries?state=${state}`)).json().items;

beforeAll(async () => {
  const workshop = makeWorkshop();
  const tls = { key: workshop.readOctets('gateway.key'), cert: workshop.readOctets('gateway.pem') };
  serverCa = workshop.read('gateway-root.pem');
  registry = await startDeviceRegistry({ tls, token: TOKEN });
  receiver = await startWebhookReceiver();
  service = await startService({ data, flags });
  fleet = await makeFleet(service, 'ota', { target: 'ota-ce' });
});

afterAll(async () => {
  await stopSound(service);
  await Promise.all([registry?.stop(), receiver?.stop()]);
});

describe('whom the service calls', () => {
  it('is a host that the operator has allowed, with TLS unless it is inside', async () => {
    const refused = await setRegistry({ url: 'https://registry.example.com' });
    expect([refused.status, refused.code()]).toEqual([400, 'bad-request']);
    expect(refused.json().detail).toContain('outgoing.hosts');
    expect((await setRegistry({ url: `${registry.url}/` })).status).toBe(400);
    expect((await setRegistry({ serverCa: 'no PEM' })).status).toBe(400);
  });

  it('is set by role security, and shown without its secret', async () => {
    const set = await setRegistry();
    expect([set.status, set.json().hasToken]).toEqual([200, true]);
    expect(set.text()).not.toContain(TOKEN);
    const made = await inFleet('POST', '/webhooks', { name: 'erp', url: receiver.url });
    secret = made.json().secret;
    expect(made.status).toBe(201);
    expect((await inFleet('GET', '/webhooks/erp')).text()).not.toContain('whsec_');
    expect((await inFleet('POST', '/webhooks', { name: 'erp', url: receiver.url })).code()).toBe(
      'already-exists',
    );
  });
});

describe('a lot', () => {
  const lot = uuids(300);

  it('is in the registry, every device once, with the certificate that it got', async () => {
    const answer = await sendLot(service, fleet, lotOf(lot), { key: 'lot-1' });
    const rows = answer.lines().slice(0, -1);
    await until('all are registered', holdsAll(lot));
    expect([...registered()].sort()).toEqual([...lot].sort());
    const [first] = registry.devices().filter(({ uuid }) => uuid === lot[0]);
    expect(first).toMatchObject({ deviceId: lot[0], deviceName: 'VIN-0', deviceType: 'Vehicle' });
    expect(first?.credentials).toBe(rows[0].certificate);
    expect(registry.calls.filter(({ method }) => method === 'PUT')).toHaveLength(lot.length);
  });

  it('is told to the webhook, signed, with an event for each certificate and one for its end', async () => {
    await until('the end is told', () => receiver.received.some(({ json }) => json.type === 'batch.done'));
    for (const message of receiver.received) verifyReceived(secret, message);
    const issued = receiver.received.filter(({ json }) => json.type === 'certificate.issued');
    expect(issued.map(({ json }) => json.data.deviceId).sort()).toEqual([...lot].sort());
    expect(issued[0]?.json.data).toMatchObject({ fleet: 'ota', batch: 'lot-1', profile: 'device' });
    const done = receiver.received.find(({ json }) => json.type === 'batch.done');
    expect(done?.json.data).toMatchObject({ batch: 'lot-1', state: 'complete', rows: 300, issued: 300 });
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(receiver.received.length);
  });

  it('with a row that was refused tells of it', async () => {
    await sendLot(service, fleet, '{"csr": "AAAA"}\n', { key: 'lot-refused' });
    const found = () => receiver.received.find(({ json }) => json.type === 'request.refused');
    await until('the refusal is told', () => found() !== undefined);
    expect(found()?.json.data).toMatchObject({ batch: 'lot-refused', row: 1, code: 'bad-pem' });
  });

  it('of which somebody has lost devices is registered again, and one device as well', async () => {
    registry.calls.length = 0;
    const ordered = await call('POST', '/v1/batches/lot-1/registration');
    expect([ordered.status, ordered.json().state]).toEqual([202, 'pending']);
    const state = async () => (await call('GET', '/v1/batches/lot-1/registration')).json().state;
    await until('the lot is done', async () => (await state()) === 'done');
    expect(registry.calls.map(({ body }) => JSON.parse(body).uuid).sort()).toEqual([...lot].sort());
    registry.calls.length = 0;
    const path = `/devices/${lot[7]}/registration`;
    expect((await inFleet('POST', path)).status).toBe(202);
    await until('the device is told again', () => registry.calls.length === 1);
    await until('nothing waits', async () => (await inFleet('GET', path)).json().delivery === null);
    expect((await inFleet('GET', path)).json().registered.certificate).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('a service that is killed amid deliveries', () => {
  it('tells all that was left when it is back', async () => {
    const lot = uuids(200);
    let seen = 0;
    // Slow enough that the kill comes in between.
    registry.breakWith(() => (seen++ > 40 ? 'slow' : undefined));
    await sendLot(service, fleet, lotOf(lot), { key: 'lot-killed' });
    await until('some were told', () => seen > 40);
    logs += service.log();
    await service.kill();
    expect(holdsAll(lot)()).toBe(false);
    registry.breakWith(() => undefined);
    service = await startService({ data, flags });
    await until('all are registered', holdsAll(lot));
    const told = () =>
      new Set(
        receiver.received
          .filter(({ json }) => json.type === 'certificate.issued')
          .map(({ json }) => json.data.deviceId),
      );
    await until('all are told', () => lot.every((uuid) => told().has(uuid)));
  });
});

describe('a registry that is down', () => {
  const lot = uuids(20);

  it('is tried again later each time, and given up in the end: dead letters are listed', async () => {
    registry.breakWith(() => 503);
    await sendLot(service, fleet, lotOf(lot), { key: 'lot-down' });
    await until('they are pending', async () => (await deliveries('pending')).length === lot.length);
    await until('they are dead', async () => (await deliveries('dead')).length === lot.length);
    const [dead] = await deliveries('dead');
    expect(dead).toMatchObject({
      to: { kind: 'registry', name: 'registry' },
      state: 'dead',
      attempts: 3,
      lastError: 'The registry answers 503 (some_code).',
    });
    expect(lot).toContain(dead.deviceId);
  });

  it('gets all of them when a person tries them again', async () => {
    registry.breakWith(() => undefined);
    for (const { id } of await deliveries('dead'))
      expect((await inFleet('POST', `/deliveries/${id}/retry`)).status).toBe(202);
    await until('all are registered', holdsAll(lot));
    await until('none is left', async () => (await deliveries('dead')).length === 0);
    expect((await inFleet('POST', '/deliveries/nothing/retry')).status).toBe(404);
  });
});

it('a certificate that replaces another is the one that the registry has then', async () => {
  const uuid = randomUUID();
  await requestCertificate(service, fleet, { body: makeDevice(uuid).csr });
  await until('it is registered', holdsAll([uuid]));
  const again = await requestCertificate(service, fleet, {
    token: fleet.tokens.security,
    json: { csr: Buffer.from(makeDevice(uuid).csr).toString('base64'), supersede: { reason: 'a new board' } },
  });
  expect(again.status).toBe(201);
  const credentials = () => registry.devices().find((one) => one.uuid === uuid)?.credentials;
  await until('it has the new one', () => credentials() === again.json().certificate);
});

it('a device that renews over mutual TLS is in the registry with its next certificate', async () => {
  const uuid = randomUUID();
  const key = makeKey();
  // With the day before its issue a life of 30 hours: it may be renewed at once.
  const notAfter = new Date(Date.now() + 6 * 3_600_000).toISOString();
  const first = await requestCertificate(service, fleet, {
    json: { csr: Buffer.from(makeCsr({ deviceId: uuid, key })).toString('base64'), notAfter },
  });
  await until('it is registered', holdsAll([uuid]));
  const renewed = await callAsDevice(
    Number(new URL(String(service.mutualUrl)).port),
    { chain: first.json().chain, key: key.pkcs8Pem, root: anyRoot(service) },
    {
      method: 'POST',
      path: '/v1/fleets/ota/certificates/renew',
      headers: { 'Content-Type': 'application/pkcs10' },
      body: Buffer.from(makeCsr({ deviceId: uuid, key: makeKey() })),
    },
  );
  expect(renewed.status).toBe(201);
  const next = JSON.parse(renewed.text).certificate;
  const credentials = () => registry.devices().find((one) => one.uuid === uuid)?.credentials;
  await until('it has the next one', () => credentials() === next);
});

it('a device that is scrapped is dropped by the registry', async () => {
  const uuid = randomUUID();
  await requestCertificate(service, fleet, { body: makeDevice(uuid).csr });
  await until('it is registered', holdsAll([uuid]));
  expect((await inFleet('POST', `/devices/${uuid}/scrap`, { reason: 'burnt' })).status).toBe(200);
  await until('it is dropped', () => !registered().includes(uuid));
  const path = `/devices/${uuid}/registration`;
  await until('that is on record', async () => (await inFleet('GET', path)).json().registered === null);
});

it('nothing secret is in the log, in the audit, or in the clear in the database', async () => {
  logs += service.log();
  const audit = await call('GET', '/v1/audit?limit=1000');
  const texts = [logs, audit.text()];
  if (!service.database.includes('://')) texts.push(readFileSync(service.database, 'latin1'));
  for (const text of texts) {
    expect(text).not.toContain(TOKEN);
    expect(text).not.toContain(secret.slice(6, 30));
  }
  expect(logs).toContain('deliveries failed');
});
