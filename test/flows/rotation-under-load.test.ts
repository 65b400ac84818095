/**
 * An issuing authority and a root go from key to key, forth and back, while a lot runs and devices of every
 * generation call gateways that fetch the trust bundle when they will: no device is refused that has a valid
 * certificate. FLEETCA_TEST_HANDSHAKES says how many calls each gateway gets after each step.
 */
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { askForCaNames } from '../../src/check/index.ts';
import { callAsDevice } from '../support/call-as-device.ts';
import { callPlain } from '../support/client.ts';
import { makeCsr, makeKey, type TestKey } from '../support/csr.ts';
import { anyRoot, makeFleet, requestCertificate, type TestFleet } from '../support/fleet.ts';
import { freePort } from '../support/free-port.ts';
import { makeShop } from '../support/gateway-shop.ts';
import { type Caller, type HandshakeLoad, startHandshakeLoad } from '../support/handshake-load.ts';
import {
  loadedOnce,
  type PullingGateway,
  publishedBy,
  startPullingGateway,
} from '../support/pulling-gateway.ts';
import { runFleetca } from '../support/run-fleetca.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';
import { type SteadyRow, startSteadyLot } from '../support/steady-lot.ts';

/** Calls that each gateway gets after a step, by devices that have to be let in. */
const CALLS = Number(process.env.FLEETCA_TEST_HANDSHAKES ?? 4);
/** With the day before the issue a life of 30 hours: in its last third a device may renew. */
const RENEWABLE_MS = 6 * 3_600_000;
/** Certificates of the first lot live so long after they are asked for: their generation is drained soon. */
const SHORT_MS = 10_000;

const work = scratchFolder();
const shop = makeShop();
let service: Service;
let fleet: TestFleet;
/** Those that know of a rotation by what they fetch: the fleet's own, and those of two servers. */
let gateways: readonly PullingGateway[];
let load: HandshakeLoad;
const fingerprints = new Map<Caller, string>();

const path = (authority: string, more = ''): string =>
  `/v1/fleets/demo/authorities/${authority}/generations${more}`;

/** A step over REST: its status, and what it was refused for. */
async function step(authority: string, more: string, json: Record<string, unknown> = {}): Promise<string> {
  const answer = await service.call('POST', path(authority, more), { token: fleet.tokens.security, json });
  return answer.status < 300 ? 'done' : answer.json().detail;
}

/** Takes a step, after which every gateway is called so often again. */
async function take(authority: string, more: string): Promise<void> {
  expect(await step(authority, more), `${authority}${more}`).toBe('done');
  await load.more(CALLS);
}

const rotate = (verb: string, ...args: readonly string[]) =>
  runFleetca(
    {
      cwd: work,
      env: {
        FLEETCA_URL: service.apiUrl,
        FLEETCA_TOKEN_FILE: join(work, 'security'),
        FLEETCA_DATA: service.data,
      },
    },
    ...['rotate', verb, ...args, '--fleet', 'demo'],
  );

const probed = new Set<string>();

/**
 * Waits until every gateway shows that it accepts a generation, and says so of each. At the fleet's own the
 * command looks, the first time; it takes a second.
 */
async function acknowledge(authority: string, generation: number): Promise<void> {
  const line = await service.call('GET', path(authority), { token: fleet.tokens.auditor });
  const all = line.json().generations as { readonly generation: number; readonly subject: string }[];
  const subject = all.find((one) => one.generation === generation)?.subject ?? '';
  for (const { name, port } of gateways) {
    for (let names: readonly string[] = []; !names.includes(subject); await pause(20)) {
      const asked = await askForCaNames('127.0.0.1', port, 'TLSv1.3');
      names = asked.kind === 'certificate' ? asked.names : [];
    }
    const isOwn = name === 'slow';
    if (isOwn && !probed.has(subject)) {
      const { status, err } = await rotate(
        'acknowledge',
        authority,
        '--generation',
        `${generation}`,
        '--probe',
      );
      expect([status, err]).toEqual([0, '']);
      probed.add(subject);
      continue;
    }
    const gateway = isOwn ? `127.0.0.1:${port}` : name;
    const said = { gateway, way: 'probe', word: `s_client shows ${subject}` };
    expect(await step(authority, `/${generation}/acknowledge`, said)).toBe('done');
  }
}

/** The common name of whoever issued it. */
const issuerOf = (pem: string): string => new X509Certificate(pem).issuer.replace(/^CN=/, '');

/** Sets a device to calling. */
function enter(deviceId: string, key: TestKey, chain: string): Caller {
  const leaf = new X509Certificate(chain);
  const caller: Caller = {
    deviceId,
    issuer: issuerOf(chain),
    chain,
    key: key.pkcs8Pem,
    notAfter: new Date(leaf.validTo),
    shut: null,
  };
  fingerprints.set(caller, leaf.fingerprint256.replaceAll(':', '').toLowerCase());
  load.add(caller);
  return caller;
}

async function issue(deviceId: string, more: Record<string, unknown> = {}): Promise<Caller> {
  const key = makeKey();
  const csr = Buffer.from(makeCsr({ deviceId, key })).toString('base64');
  const answer = await requestCertificate(service, fleet, {
    json: { csr, ...more },
    headers: { accept: 'application/pem-certificate-chain' },
  });
  if (answer.status !== 201) throw new Error(answer.text());
  return enter(deviceId, key, answer.text());
}

/** A device renews with what it has, and calls with the new one as well. */
async function renew({ deviceId, chain, key }: Caller): Promise<Caller> {
  const next = makeKey();
  const credentials = { chain, key, root: anyRoot(service) };
  const answer = await callAsDevice(Number(new URL(String(service.mutualUrl)).port), credentials, {
    method: 'POST',
    path: '/v1/fleets/demo/certificates/renew',
    headers: { 'Content-Type': 'application/pkcs10', Accept: 'application/pem-certificate-chain' },
    body: Buffer.from(makeCsr({ deviceId, key: next })),
  });
  expect([answer.status, answer.text]).toEqual([201, expect.any(String)]);
  return enter(deviceId, next, answer.text);
}

/** Revokes what devices had before, and waits until every gateway has heard of it. */
async function revoke(callers: readonly Caller[], why: string): Promise<void> {
  for (const caller of callers) {
    caller.shut = { why, settled: false };
    const revoked = await service.call('POST', `/v1/certificates/${fingerprints.get(caller)}/revoke`, {
      token: fleet.tokens.security,
      json: { reason: 'superseded' },
    });
    expect(revoked.status, revoked.text()).toBe(200);
  }
  await load.untilRefused(callers);
}

const startLot = (name: string, more?: () => Record<string, unknown>) =>
  startSteadyLot(service, fleet, {
    name,
    query: '?authority=line-7',
    ...(more && { more }),
    // These send their leaf alone, as devices with tokens do.
    took: ({ deviceId, key, certificate }: SteadyRow) => void enter(deviceId, key, certificate),
  });

const under = (issuer: string): readonly Caller[] => load.callers.filter((one) => one.issuer === issuer);

beforeAll(async () => {
  // Acknowledgement is what is waited for here; that time passes is the rule of a unit test.
  service = await startService({ flags: { rotationPublishHours: '0' } });
  const port = await freePort();
  fleet = await makeFleet(service, 'demo', {
    gatewayUrl: `https://127.0.0.1:${port}`,
    gatewayRoot: shop.serverRoot.pem,
  });
  writeFileSync(join(work, 'security'), fleet.tokens.security, { mode: 0o600 });
  const source = publishedBy(service, 'demo');
  const gateway = (name: string, everySeconds: number, at = 0) =>
    startPullingGateway({ name, port: at, everySeconds, source, server: shop.server });
  gateways = [await gateway('slow', 1.5, port), await gateway('usual', 0.9), await gateway('quick', 0.3)];
  for (const { name } of gateways.slice(1)) {
    const json = { name, kind: 'ota-ce' };
    const made = await service.call('POST', '/v1/fleets/demo/servers', {
      token: fleet.tokens.security,
      json,
    });
    expect(made.status, made.text()).toBe(201);
  }
  load = startHandshakeLoad(gateways, shop.serverRoot.pem);
  const stranger = shop.device('stranger');
  load.add({
    deviceId: 'stranger',
    issuer: 'another fleet',
    chain: stranger.pem + shop.line.pem,
    key: stranger.key.pkcs8Pem,
    notAfter: new Date(Date.now() + RENEWABLE_MS),
    shut: { why: 'of another fleet', settled: true },
  });
});

afterAll(async () => {
  await load?.stop();
  for (const gateway of gateways ?? []) await gateway.close();
  await stopSound(service);
});

it('an issuing authority goes to its next key and back at each step, until the old one is retired', async () => {
  const notAfter = new Date(Date.now() + RENEWABLE_MS).toISOString();
  const old = [await issue('old-1', { notAfter }), await issue('old-2', { notAfter })];
  const short = startLot('short', () => ({ notAfter: new Date(Date.now() + SHORT_MS).toISOString() }));
  await load.more(CALLS);
  await take('line-7', '');
  const unseen = await rotate('acknowledge', 'line-7', '--generation', '2', '--probe');
  expect([unseen.status, unseen.err]).toEqual([
    3,
    expect.stringMatching(/127.0.0.1:\d+ does not show that it accepts CN=demo line-7 G2: it names CN=demo/),
  ]);
  await take('line-7', '/2/roll-back');
  await take('line-7', '/2/roll-back');
  await take('line-7', '/2/publish');
  await Promise.all(gateways.map((one) => one.hasFetched()));
  await take('line-7', '/2/roll-back');
  await take('line-7', '/2/publish');
  expect(await step('line-7', '/2/activate')).toContain('is not acknowledged by');
  await acknowledge('line-7', 2);
  await take('line-7', '/2/activate');
  await take('line-7', '/2/roll-back');
  const between = await issue('between', { notAfter });
  expect([between.issuer, under('demo line-7 G2').length > 0]).toEqual(['demo line-7 G1', true]);
  await acknowledge('line-7', 2);
  await take('line-7', '/2/activate');
  const renewed = await Promise.all([...old, between].map(renew));
  expect(new Set(renewed.map(({ issuer }) => issuer))).toEqual(new Set(['demo line-7 G2']));
  await short.end();
  await revoke([...old, between], 'revoked');
  for (let said = ''; said !== 'done'; await load.more(1)) {
    said = await step('line-7', '/1/retire');
    if (said !== 'done') expect(said).toMatch(/Certificates stand under generation 1/);
  }
  await take('line-7', '/1/roll-back');
  await take('line-7', '/1/retire');
  expect(load.faults).toEqual([]);
});

let lot: ReturnType<typeof startLot>;
let appliance: PullingGateway;

it('so does the root, and an authority goes over to the new one: a gateway that keeps the old root alone follows the links', async () => {
  const [bundle = ''] = (await callPlain(String(service.publicUrl), 'GET', '/pki/demo/fleet-root.pem'))
    .text()
    .split(/(?<=-----END CERTIFICATE-----\n)/);
  appliance = await startPullingGateway({
    name: 'appliance',
    everySeconds: 1,
    source: loadedOnce({ trusted: bundle, crls: null }),
    server: shop.server,
  });
  const atTheAppliance = startHandshakeLoad([appliance], shop.serverRoot.pem);
  const add = (caller: Caller): void => atTheAppliance.add({ ...caller, shut: null });
  lot = startLot('long');
  const notAfter = new Date(Date.now() + RENEWABLE_MS).toISOString();
  add(await issue('before-the-root', { notAfter }));
  await take('root', '');
  await take('root', '/2/roll-back');
  await take('root', '/2/roll-back');
  await take('root', '/2/publish');
  await take('root', '/2/roll-back');
  await take('root', '/2/publish');
  await acknowledge('root', 2);
  await take('root', '/2/activate');
  add(await issue('with-a-link'));
  await take('root', '/2/roll-back');
  await acknowledge('root', 2);
  await take('root', '/2/activate');
  await take('line-7', '');
  await take('line-7', '/3/publish');
  await acknowledge('line-7', 3);
  await take('line-7', '/3/activate');
  add(await issue('under-the-new-root', { notAfter }));
  await take('line-7', '/3/roll-back');
  await acknowledge('line-7', 3);
  await take('line-7', '/3/activate');
  await lot.cut();
  await load.more(CALLS);
  await atTheAppliance.more(CALLS);
  await atTheAppliance.stop();
  await appliance.close();
  expect([...atTheAppliance.counts.keys()]).toEqual(['demo line-7 G2', 'demo line-7 G3']);
  expect([...load.faults, ...atTheAppliance.faults]).toEqual([]);
  expect(await step('root', '/1/retire')).toContain('line-7, generation 2 stands under generation 1');
});

it('of a compromised generation those devices are cut off that the decision names, when it is taken, and no others', async () => {
  await take('line-7', '');
  await take('line-7', '/4/publish');
  await acknowledge('line-7', 4);
  const decide = (withdrawal: string, cutsOff: number): Promise<string> =>
    step('line-7', '/3/compromise', { reason: 'the signing host was broken into', withdrawal, cutsOff });
  expect(await decide('after-re-issue', 1_000_000)).toBe('done');
  await load.more(CALLS);
  const taken = under('demo line-7 G3');
  const [one, two] = taken as [Caller, Caller];
  const saved = await Promise.all([renew(one), renew(two)]);
  expect(saved.map(({ issuer }) => issuer)).toEqual(['demo line-7 G4', 'demo line-7 G4']);
  await load.more(CALLS);
  expect(load.faults).toEqual([]);
  const awaited = taken.length - saved.length;
  expect(await decide('now', awaited - 1)).toContain(`has ${awaited} devices`);
  for (const caller of taken) caller.shut = { why: 'cut off', settled: false };
  expect(await decide('now', awaited)).toBe('done');
  await Promise.all(gateways.map((gateway) => gateway.hasFetched()));
  await load.untilRefused(taken.slice(0, 3));
  for (const { shut } of taken) if (shut) shut.settled = true;
  await load.more(CALLS);
  const { rows, issued = 0, replayed = 0 } = await lot.end();
  expect(issued + replayed).toBe(rows);
  await load.more(CALLS);
  expect(load.faults).toEqual([]);
});

it('all were counted: those that were let in, and those that had to be refused', async () => {
  await load.stop();
  const counts = Object.fromEntries(load.counts);
  if (process.env.FLEETCA_TEST_HANDSHAKES !== undefined)
    console.info(counts, load.callers.length, load.unjudged);
  for (const generation of [1, 2, 3, 4])
    expect(counts[`demo line-7 G${generation}`]).toEqual({
      letIn: expect.toSatisfy((n) => n >= CALLS),
      refused: 0,
    });
  for (const why of ['of another fleet', 'revoked', 'expired', 'cut off'])
    expect(counts[why]).toEqual({ letIn: 0, refused: expect.toSatisfy((n) => n > 0) });
});

it('forced before a gateway has fetched the bundle, a generation issues devices that are refused there, and the count shows it', async () => {
  const source = publishedBy(service, 'demo');
  const stale = await startPullingGateway({
    name: 'stale',
    everySeconds: 3_600,
    source,
    server: shop.server,
  });
  const counted = startHandshakeLoad([stale], shop.serverRoot.pem);
  counted.add({ ...(await issue('before-it')), shut: null });
  await counted.more(1);
  expect(await step('line-7', '')).toBe('done');
  expect(await step('line-7', '/5/publish')).toBe('done');
  expect(await step('line-7', '/5/activate', { force: { reason: 'nobody looked' } })).toBe('done');
  counted.add(await issue('after-it'));
  await counted.more(2);
  while (!counted.counts.has('demo line-7 G5')) await pause(20);
  await counted.stop();
  await stale.close();
  expect(counted.counts.get('demo line-7 G4')?.refused).toBe(0);
  expect(counted.counts.get('demo line-7 G5')).toEqual({ letIn: 0, refused: expect.toSatisfy((n) => n > 0) });
  expect(counted.faults[0]).toMatch(/after-it of demo line-7 G5 at stale, .* is due to be let-in: 400 /);
});
