import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { StoredCertificate } from '../../src/ca/index.ts';
import { openLine } from '../../src/outgoing/call.ts';
import type { RegistrySettings } from '../../src/outgoing/index.ts';
import { deleteDevice, putDevice } from '../../src/outgoing/registry.ts';
import { fresh } from '../store/sample.ts';
import { type DeviceRegistry, startDeviceRegistry } from '../support/device-registry.ts';

const TOKEN = 'token-of-the-registry';
const UUID = '3b8a1ad0-0c9e-4f0b-8c67-0b8a6d2f4c11';
const ended = new AbortController();

let registry: DeviceRegistry;
beforeAll(async () => {
  registry = await startDeviceRegistry({ token: TOKEN });
});
beforeEach(() => {
  registry.breakWith(() => undefined);
  registry.calls.length = 0;
});
afterAll(() => registry.stop());

const certificate = (wish: { deviceId?: string; labels?: Record<string, string>; der?: string } = {}) =>
  ({
    deviceId: wish.deviceId ?? UUID,
    labels: wish.labels ? JSON.stringify(wish.labels) : null,
    der: Buffer.from(wish.der ?? 'a certificate'),
  }) as unknown as StoredCertificate;

const SETTINGS: RegistrySettings = {
  namespace: 'default',
  deviceType: 'Other',
  deviceIdLabel: 'vin',
  deviceNameLabel: 'name',
  serverCa: null,
};

interface Wish {
  readonly url?: string;
  readonly token?: string | null;
  readonly settings?: Partial<RegistrySettings>;
}

const lineTo = (resolve?: (host: string) => Promise<readonly string[]>) =>
  openLine({
    reach: { hosts: ['public.test'], privateHosts: ['127.0.0.1', 'inside.test'] },
    timeoutMs: 400,
    serverCa: null,
    signal: ended.signal,
    ...(resolve ? { resolve } : {}),
  });

const serverOf = ({ url = registry.url, token = TOKEN, settings = {} }: Wish) => ({
  url,
  token,
  settings: { ...SETTINGS, namespace: fresh('ns'), ...settings },
});

async function put(given: StoredCertificate, wish: Wish = {}, line = lineTo()) {
  try {
    return await putDevice(line, serverOf(wish), given);
  } finally {
    line.close();
  }
}

const seen = () => JSON.parse(registry.calls.at(-1)?.body ?? '{}');

test('section 7, PUT /api/v1/devices: a device is registered by its UUID, with its certificate', async () => {
  const settings = { namespace: fresh('ns') };
  expect(await put(certificate(), { settings })).toEqual({ arrived: true });
  expect(registry.calls[0]).toMatchObject({ method: 'PUT', path: '/api/v1/devices' });
  expect(registry.calls[0]?.headers['content-type']).toBe('application/json');
  expect(registry.devices(settings.namespace)).toHaveLength(1);
  expect(await put(certificate({ der: 'a newer one' }), { settings })).toEqual({ arrived: true });
  const [device, ...more] = registry.devices(settings.namespace);
  expect(more).toEqual([]);
  expect(device?.credentials).toContain(Buffer.from('a newer one').toString('base64'));
});

test('section 7, x-ats-namespace: it is sent with every call', async () => {
  await put(certificate(), { settings: { namespace: 'fleet-7' } });
  await deleteDevice(lineTo(), serverOf({ settings: { namespace: 'fleet-7' } }), UUID);
  expect(registry.calls.map(({ headers }) => headers['x-ats-namespace'])).toEqual(['fleet-7', 'fleet-7']);
});

test('section 7, the registry’s uuid: it is the common name, and nothing is sent where that is none', async () => {
  await put(certificate());
  expect(seen().uuid).toBe(UUID);
  registry.calls.length = 0;
  for (const deviceId of ['VIN-7', UUID.toUpperCase(), `${UUID}0`])
    expect(await put(certificate({ deviceId }))).toMatchObject({ arrived: false, again: 'never' });
  expect(registry.calls).toEqual([]);
});

test('section 7, deviceName and deviceType: a name of 200 characters at most, and the type always', async () => {
  const named = (name: string) => certificate({ labels: { name } });
  await put(certificate(), { settings: { deviceType: 'Vehicle' } });
  expect(seen()).toMatchObject({ deviceName: UUID, deviceType: 'Vehicle' });
  expect(await put(named('n'.repeat(200)))).toEqual({ arrived: true });
  expect(seen()).toMatchObject({ deviceName: 'n'.repeat(200), deviceType: 'Other' });
  expect(await put(named('n'.repeat(201)))).toMatchObject({ arrived: false, again: 'never' });
});

test('section 7, credentials and credentialsType: the leaf as PEM', async () => {
  await put(certificate());
  expect(seen().credentialsType).toBe('PEM');
  expect(seen().credentials).toBe(
    `-----BEGIN CERTIFICATE-----\n${Buffer.from('a certificate').toString('base64')}\n-----END CERTIFICATE-----\n`,
  );
});

describe('the answer', () => {
  test('section 7, the registry’s answer: another UUID is an error, for the registry keeps the one it had', async () => {
    const settings = { namespace: fresh('ns') };
    const [old, now] = [UUID, '7c0d9b1e-58b4-4a8e-9a57-5d4f7a1b2c3d'];
    const labels = { vin: 'VIN-1' };
    expect(await put(certificate({ deviceId: old, labels }), { settings })).toEqual({ arrived: true });
    const outcome = await put(certificate({ deviceId: now, labels }), { settings });
    expect(outcome).toMatchObject({ arrived: false, again: 'never', error: expect.stringContaining(old) });
    registry.breakWith(() => 'other-uuid');
    expect(await put(certificate())).toMatchObject({ arrived: false, again: 'never' });
    registry.breakWith(() => 'no-uuid');
    expect(await put(certificate())).toMatchObject({ arrived: false, again: 'later' });
  });

  test('section 7, deviceId: it is what the registry knows a device by; one that another has is a conflict', async () => {
    const settings = { namespace: fresh('ns') };
    await put(certificate({ labels: { vin: 'VIN-2' } }), { settings });
    expect(seen().deviceId).toBe('VIN-2');
    const outcome = await put(certificate({ labels: { vin: 'VIN-3' } }), { settings });
    expect(outcome).toMatchObject({
      again: 'never',
      error: 'The registry answers 409 (conflicting_device).',
    });
  });

  test.each([
    [400, 'never'],
    [401, 'later'],
    [403, 'later'],
    [404, 'later'],
    [409, 'never'],
    [500, 'later'],
    [503, 'later'],
  ] as const)('%i is tried again %s', async (status, again) => {
    registry.breakWith(() => status);
    const due = {
      arrived: false,
      again,
      isDown: false,
      waitMs: 0,
      error: `The registry answers ${status} (some_code).`,
    };
    expect(await put(certificate())).toEqual(due);
  });

  test('a wrong token is tried again: the operator may set it right', async () => {
    expect(await put(certificate(), { token: null })).toMatchObject({ again: 'later' });
  });

  test('a redirect is not followed', async () => {
    registry.breakWith(() => 'redirect');
    expect(await put(certificate())).toMatchObject({
      again: 'later',
      error: expect.stringContaining('redirect (302)'),
    });
    expect(registry.calls).toHaveLength(1);
  });

  test.each([
    ['slow', 'no answer within 0.4 seconds', true],
    ['cut', 'broke before the answer was whole', false],
    ['endless', 'more than 65536 octets', false],
  ] as const)('that is %s is no answer', async (fault, error, isDown) => {
    registry.breakWith(() => fault);
    expect(await put(certificate())).toEqual({
      arrived: false,
      again: 'later',
      isDown,
      waitMs: 0,
      error: expect.stringContaining(error),
    });
  });
});

test('section 7, DELETE /api/v1/devices/{uuid}: 202, and one that is not there is dropped already', async () => {
  const server = serverOf({});
  const line = lineTo();
  await putDevice(line, server, certificate());
  expect(await deleteDevice(line, server, UUID)).toEqual({ arrived: true });
  expect(registry.devices(server.settings.namespace)).toEqual([]);
  expect(await deleteDevice(line, server, UUID)).toEqual({ arrived: true });
  registry.breakWith(() => 503);
  expect(await deleteDevice(line, server, UUID)).toMatchObject({ arrived: false, again: 'later' });
  line.close();
});

describe('a connection', () => {
  test('goes to the address that was looked up, once, and looked at', async () => {
    const asked: string[] = [];
    const line = lineTo(async (host) => {
      asked.push(host);
      return ['127.0.0.1'];
    });
    const url = `http://inside.test:${registry.port}`;
    expect(await put(certificate(), { url }, line)).toEqual({ arrived: true });
    expect(asked).toEqual(['inside.test']);
    expect(registry.calls[0]?.headers.host).toBe(`inside.test:${registry.port}`);
  });

  test('is not made where a public name points inside, be it with one address among others', async () => {
    const line = lineTo(async () => ['93.184.216.34', '127.0.0.1']);
    const url = `https://public.test:${registry.port}`;
    expect(await put(certificate(), { url }, line)).toMatchObject({
      isDown: true,
      waitMs: 0,
      error: expect.stringContaining('not public (loopback)'),
    });
    expect(registry.calls).toEqual([]);
  });

  test('is not made to a host that the operator allows no longer', async () => {
    const line = lineTo(async () => ['127.0.0.1']);
    const outcome = await put(certificate(), { url: `http://gone.test:${registry.port}` }, line);
    expect(outcome).toMatchObject({ isDown: true, error: expect.stringContaining('outgoing.privateHosts') });
    expect(registry.calls).toEqual([]);
  });

  test('that nobody takes, or a name that nobody knows, says that the server is down', async () => {
    const nobody = await put(certificate(), { url: 'http://127.0.0.1:9' });
    expect(nobody).toMatchObject({ isDown: true, error: 'The server cannot be reached (ECONNREFUSED).' });
    const line = lineTo(async () => {
      throw Object.assign(new Error('with something secret in it'), { code: 'ENOTFOUND' });
    });
    const unknown = await put(certificate(), { url: 'http://inside.test' }, line);
    expect(unknown).toMatchObject({ isDown: true, error: 'The server cannot be reached (ENOTFOUND).' });
  });

  test('is plain where it is asked for, and no server of TLS is believed that nobody has certified', async () => {
    const url = registry.url.replace('http:', 'https:');
    expect(await put(certificate(), { url })).toMatchObject({ arrived: false, isDown: true });
  });
});
