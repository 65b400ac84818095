/** Every command of docs/registering-devices.md and docs/webhooks.md, run as it stands there. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DeviceRegistry, startDeviceRegistry } from '../support/device-registry.ts';
import { makeDevice, makeFleet, requestCertificate, rowOf, type TestFleet } from '../support/fleet.ts';
import { sendLot } from '../support/lot-upload.ts';
import { runFleetca } from '../support/run-fleetca.ts';
import { type Service, startService, stopSound } from '../support/service.ts';
import { startWebhookReceiver, verifyReceived } from '../support/webhook-receiver.ts';

const DEVICE = '6a5a4b2e-0f55-4a43-9a3c-2f6d1e0c7b11';
const IN_LOT = '0d6f2f0e-64a1-4d0c-8f4e-1a2b3c4d5e6f';

const pageOf = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../../docs/${name}`, import.meta.url)), 'utf8');

/** The lines of its shell blocks. */
const commandsOf = (page: string): readonly string[] =>
  [...page.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) => block.trim().split('\n'));

let service: Service;
let fleet: TestFleet;
let registry: DeviceRegistry;
let receiver: Awaited<ReturnType<typeof startWebhookReceiver>>;
const left = [...commandsOf(pageOf('registering-devices.md')), ...commandsOf(pageOf('webhooks.md'))];

/** Runs the page's next command, which must begin so. */
async function next(beginning: string, replace: Readonly<Record<string, string>> = {}) {
  const line = left.shift() ?? '';
  expect(line.slice(0, beginning.length)).toBe(beginning);
  const real = Object.entries(replace).reduce((text, [from, to]) => text.replaceAll(from, to), line);
  const env = { FLEETCA_URL: service.apiUrl, FLEETCA_TOKEN: fleet.tokens.security };
  return runFleetca({ cwd: service.data, env }, ...real.split(' ').slice(1));
}

beforeAll(async () => {
  registry = await startDeviceRegistry();
  receiver = await startWebhookReceiver();
  service = await startService({ flags: { outgoingPrivateHosts: '127.0.0.1' } });
  fleet = await makeFleet(service, 'demo', { target: 'ota-ce' });
  await requestCertificate(service, fleet, { body: makeDevice(DEVICE).csr });
  await sendLot(service, fleet, rowOf(makeDevice(IN_LOT).csr), { key: 'lot-2027-031' });
});

afterAll(async () => {
  await stopSound(service);
  await Promise.all([registry?.stop(), receiver?.stop()]);
});

describe('registering devices', () => {
  it('a registry is set and shown', async () => {
    expect(left.shift()).toMatch(/^fleetca serve --outgoing-private-hosts /);
    const set = await next('fleetca registry set', { 'https://registry.factory.example': registry.url });
    expect([set.status, set.out]).toEqual([0, expect.stringContaining('Vehicle')]);
    expect((await next('fleetca registry show')).out).toContain(registry.url);
  });

  it('a device and a lot of before are registered by hand', async () => {
    expect(registry.devices()).toEqual([]);
    const device = await next('fleetca device register');
    expect([device.status, device.out]).toEqual([0, expect.stringMatching(/registered +\d{4}-/)]);
    expect(registry.devices().map(({ uuid }) => uuid)).toEqual([DEVICE]);
    const lot = await next('fleetca batch register');
    expect([lot.status, lot.out]).toEqual([0, expect.stringMatching(/outcomes +1 of 1/)]);
    expect(registry.devices().map(({ uuid }) => uuid)).toEqual([DEVICE, IN_LOT]);
  });

  it('what was given up is listed, and tried again one by one or all', async () => {
    registry.breakWith(() => 400);
    const refused = await runFleetca(
      { cwd: service.data, env: { FLEETCA_URL: service.apiUrl, FLEETCA_TOKEN: fleet.tokens.security } },
      ...['device', 'register', DEVICE, '--fleet', 'demo'],
    );
    expect([refused.status, refused.out]).toEqual([
      1,
      expect.stringContaining('dead: The registry answers 400'),
    ]);
    const list = await next('fleetca delivery list');
    const [id = ''] = /dev_\S+/.exec(list.out) ?? [];
    expect(id).toContain(DEVICE);
    registry.breakWith(() => undefined);
    const given = 'dev_0f1e2d3c4b5a6978_6a5a4b2e-0f55-4a43-9a3c-2f6d1e0c7b11';
    const again = await next('fleetca delivery retry', { [given]: id });
    expect([again.status, again.out]).toEqual([0, '1 will be tried again\n']);
    expect((await next('fleetca delivery retry')).status).toBe(0);
  });
});

describe('webhooks', () => {
  it('one is created, and its secret is printed once', async () => {
    const made = await next('fleetca webhook create', { 'https://erp.example.com/fleetca': receiver.url });
    expect([made.status, made.out]).toEqual([0, expect.stringMatching(/^whsec_[\w+/]{43}=\n$/)]);
    const device = makeDevice('7e2b7c1d-3f4a-4b5c-8d6e-9f0a1b2c3d4e');
    await requestCertificate(service, fleet, { body: device.csr });
    while (receiver.received.length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    const [message] = receiver.received;
    if (message) verifyReceived(made.out.trim(), message);
    expect(message?.json).toMatchObject({ type: 'certificate.issued', data: { deviceId: device.deviceId } });
    expect((await next('fleetca webhook list')).out).not.toContain('whsec_');
  });

  it('and deleted', async () => {
    expect((await next('fleetca webhook delete')).status).toBe(0);
    expect(left).toEqual([]);
  });
});
