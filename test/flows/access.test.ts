import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer, CallWish } from '../support/client.ts';
import {
  anyRoot,
  makeAuthority,
  makeDevice,
  makeFleet,
  makeToken,
  requestCertificate,
  rowOf,
  type TestFleet,
} from '../support/fleet.ts';
import { type Operation, operations, type Role } from '../support/openapi.ts';
import { makeRecipient } from '../support/recipient.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';

const DAY = 86_400_000;
const ROLES: readonly Role[] = ['admin', 'security', 'station', 'auditor'];

let service: Service;
let demo: TestFleet;
/** Bound to another fleet. */
let other: TestFleet;
/** Bound to none; a station always is. */
let unbound: Readonly<Record<Role, string | null>>;
let expired: string;
let revoked: string;
let certificateId: string;
let certificateSerial: string;
let registrationId: string;
let deliveryId: string;
let publishedCrls: string;
/** The service may call there, and nobody answers. */
const NOBODY = 'http://127.0.0.1:9';
const known = makeDevice('known');
const released = makeDevice('released');
const factoryDevice = makeDevice('3b8a1ad0-0c9e-4f0b-8c67-0b8a6d2f4c11');
const digestOf = (spki: Uint8Array): string => createHash('sha256').update(spki).digest('hex');

interface Example extends CallWish {
  readonly target: string;
  /** The same call for something that is not there; null where the path names nothing. */
  readonly missing: string | null;
  readonly status: number;
  /** True: it takes the fleet from the token. */
  readonly bound?: true;
}

let count = 0;

/** One call for each operation that works out for whoever may make it. */
const examples: Readonly<Record<string, () => Example>> = {
  createToken: () => ({
    target: '/v1/tokens',
    missing: null,
    json: { name: 'made', role: 'auditor' },
    status: 201,
  }),
  readMetrics: () => ({ target: '/metrics', missing: null, status: 200 }),
  listTokens: () => ({ target: '/v1/tokens', missing: null, status: 200 }),
  revokeToken: () => ({
    target: `/v1/tokens/${revoked.slice(4, 20)}`,
    missing: '/v1/tokens/0000000000000000',
    status: 204,
  }),
  createFleet: () => ({
    target: '/v1/fleets',
    missing: null,
    json: { name: `made-${count++}`, target: 'generic' },
    status: 201,
  }),
  listFleets: () => ({ target: '/v1/fleets', missing: null, status: 200 }),
  getFleet: () => inFleet('', 200),
  setFleet: () => ({
    ...inFleet('/settings', 200),
    json: { gatewayUrl: 'https://gateway.example.com:8000', gatewayRoot: anyRoot(service) },
  }),
  getCredentials: () => inFleet('/credentials.zip', 200),
  createAuthority: () => ({
    ...inFleet('/authorities', 201),
    json: { name: `extra-${count++}`, kind: 'issuing' },
  }),
  listAuthorities: () => inFleet('/authorities', 200),
  getAuthority: () => inFleet('/authorities/line-7', 200),
  requestCertificate: () => ({
    ...inFleet('/certificates', 200),
    json: { csr: Buffer.from(known.csr).toString('base64'), authority: 'line-7' },
  }),
  getCertificate: () => ofCertificate('', 200),
  revokeCertificate: () => ({ ...ofCertificate('/revoke', 200), json: { reason: 'superseded' } }),
  revokeDevice: () => ({ ...inFleet('/devices/taken-back/revoke', 200), json: { reason: 'superseded' } }),
  revokeSerial: () => ({
    ...inFleet(`/serials/${certificateSerial}/revoke`, 200),
    json: { reason: 'superseded' },
  }),
  listAbandonedIntents: () => inFleet('/abandoned-intents', 200),
  scrapDevice: () => ({ ...inFleet('/devices/scrapped/scrap', 200), json: { reason: 'burnt' } }),
  reinstateDevice: () => ({ ...inFleet('/devices/scrapped/reinstate', 200), json: { reason: 'repaired' } }),
  reportSeen: () => ofCertificate('/seen', 200),
  revokeBatch: () => ({
    target: '/v1/batches/made-keys/revoke',
    missing: '/v1/batches/no-such-batch/revoke',
    json: { reason: 'superseded' },
    status: 200,
  }),
  releaseKey: () => ({
    ...inFleet(`/keys/${digestOf(released.key.spki)}/release`, 204),
    json: { reason: 'a test' },
  }),
  createDevice: () => ({
    ...inFleet('/devices', 201),
    json: { deviceId: `made-${count++}`, authority: 'line-7' },
  }),
  acknowledgeKey: () => ofCertificate('/acknowledge', 200),
  acknowledgeBatch: () => ({
    target: '/v1/batches/made-keys/acknowledge',
    missing: '/v1/batches/no-such-batch/acknowledge',
    json: { through: 0 },
    status: 200,
  }),
  sendBatch: () => ({
    ...inFleet('/batches?authority=line-7', 200),
    type: 'application/x-ndjson',
    body: '',
  }),
  listBatches: () => ({ target: '/v1/batches', missing: null, status: 200 }),
  getBatch: () => ({ target: '/v1/batches/lot-1', missing: '/v1/batches/lot-2', status: 200 }),
  readBatchResults: () => ({
    target: '/v1/batches/lot-1/results',
    missing: '/v1/batches/lot-2/results',
    status: 200,
  }),
  getBatchBundles: () => ({
    target: '/v1/batches/lot-1/bundles.tar',
    missing: '/v1/batches/lot-2/bundles.tar',
    status: 200,
  }),
  getBatchBundlesZip: () => ({
    target: '/v1/batches/lot-1/bundles.zip',
    missing: '/v1/batches/lot-2/bundles.zip',
    status: 200,
  }),
  searchCertificates: () => inFleet('/certificates?status=active', 200),
  listDevices: () => inFleet('/devices', 200),
  getDevice: () => inFleet('/devices/known', 200),
  getBundle: () => inFleet('/devices/bundled/bundle', 200),
  checkBundle: () => inFleet('/devices/bundled/bundle/check', 200),
  tryBundle: () => inFleet('/check?deviceId=bundled', 200),
  checkBatchBundles: () => ({
    target: '/v1/batches/lot-1/bundles/check',
    missing: '/v1/batches/lot-2/bundles/check',
    status: 200,
  }),
  createRegistrationCredentials: () => ({
    ...inFleet('/registration-credentials', 201),
    json: { name: 'images', maxDevices: 1 },
  }),
  listRegistrationCredentials: () => inFleet('/registration-credentials', 200),
  getRegistrationCredentials: () => inFleet(`/registration-credentials/${registrationId}`, 200),
  revokeRegistrationCredentials: () => ({
    ...inFleet(`/registration-credentials/${registrationId}/revoke`, 200),
    json: { reason: 'lost' },
  }),
  stageGeneration: () => ({
    ...inFleet('/authorities/root/generations', 422),
    json: { profile: 'none-such' },
  }),
  requestAuthority: () => ({ ...inFleet('/authorities/root/request', 400), json: {} }),
  installAuthority: () => ({
    ...inFleet('/authorities/line-7/certificate', 400),
    json: { certificate: 'x' },
  }),
  importCeremony: () => ({ ...inFleet('/ceremonies', 400), json: { files: {} } }),
  getLine: () => inFleet('/authorities/root/generations', 200),
  getForecast: () => inFleet('/forecast', 200),
  rehearseStep: () => inFleet('/authorities/root/generations/1/rehearsal?step=retire', 200),
  publishGeneration: () => ({ ...inFleet('/authorities/root/generations/1/publish', 409), json: {} }),
  activateGeneration: () => ({ ...inFleet('/authorities/root/generations/1/activate', 409), json: {} }),
  rollBackGeneration: () => ({ ...inFleet('/authorities/root/generations/1/roll-back', 409), json: {} }),
  retireGeneration: () => ({ ...inFleet('/authorities/root/generations/1/retire', 409), json: {} }),
  acknowledgeGeneration: () => ({
    ...inFleet('/authorities/root/generations/1/acknowledge', 200),
    json: { gateway: 'gateway.example.com:8000', word: 'seen' },
  }),
  destroyKey: () => ({
    ...inFleet('/authorities/root/generations/1/destroy', 409),
    json: { reason: 'drill', fingerprint: '00'.repeat(32) },
  }),
  previewCompromise: () => inFleet('/authorities/root/generations/1/compromise', 200),
  declareCompromised: () => ({
    ...inFleet('/authorities/root/generations/1/compromise', 409),
    json: { reason: 'test', withdrawal: 'now', cutsOff: 1_000 },
  }),
  listReissue: () => inFleet('/authorities/root/generations/1/re-issue', 200),
  addServer: () => ({ ...inFleet('/servers', 201), json: { name: `server-${count++}`, kind: 'ota-ce' } }),
  listServers: () => inFleet('/servers', 200),
  getServer: () => inFleet('/servers/production', 200),
  provePossession: () => ({ ...inFleet('/servers/production/possession', 200), json: { code: 'x' } }),
  sayRootState: () => ({ ...inFleet('/servers/production/roots/1', 200), json: { state: 'handed-over' } }),
  setRegistry: () => ({ ...inFleet('/registry', 200), json: { url: NOBODY } }),
  getRegistry: () => inFleet('/registry', 200),
  removeRegistry: () => inFleet('/registry', 204),
  orderDeviceRegistration: () => inFleet('/devices/known/registration', 202),
  getDeviceRegistration: () => inFleet('/devices/known/registration', 200),
  orderBatchRegistration: () => ofLot('/registration', 202),
  getBatchRegistration: () => ofLot('/registration', 200),
  createWebhook: () => ({
    ...inFleet('/webhooks', 201),
    json: { name: `hook-${count++}`, url: NOBODY, events: ['batch.done'] },
  }),
  listWebhooks: () => inFleet('/webhooks', 200),
  getWebhook: () => inFleet('/webhooks/erp', 200),
  removeWebhook: () => inFleet('/webhooks/erp', 204),
  listDeliveries: () => inFleet('/deliveries', 200),
  retryDelivery: () => inFleet(`/deliveries/${deliveryId}/retry`, 202),
  signForFactory: () => ({
    target: '/sign?authority=line-7',
    missing: null,
    bound: true,
    json: {
      csr: Buffer.from(factoryDevice.csr).toString('base64'),
      'hardware-id': 'board',
      name: 'bench-3',
      uuid: factoryDevice.deviceId,
    },
    status: 201,
  }),
  getRestoration: () => ({ target: '/v1/restoration', missing: null, status: 200 }),
  settleRestoration: () => ({
    target: '/v1/restoration/settle',
    missing: null,
    json: { reason: 'nothing waits for it' },
    status: 200,
  }),
  importCertificates: () => ({
    ...inFleet('/certificates/import', 200),
    type: 'application/x-ndjson',
    body: '',
  }),
  takeCrls: () => ({
    target: '/v1/crls',
    missing: null,
    type: 'application/x-pem-file',
    body: publishedCrls,
    status: 200,
  }),
  listAudit: () => ({ target: '/v1/audit', missing: null, status: 200 }),
};

const ofLot = (rest: string, status: number): Example => ({
  target: `/v1/batches/lot-1${rest}`,
  missing: `/v1/batches/lot-2${rest}`,
  status,
});

const inFleet = (rest: string, status: number): Example => ({
  target: `/v1/fleets/demo${rest}`,
  missing: `/v1/fleets/nowhere${rest}`,
  status,
});

const ofCertificate = (rest: string, status: number): Example => ({
  target: `/v1/certificates/${certificateId}${rest}`,
  missing: `/v1/certificates/${'0'.repeat(64)}${rest}`,
  status,
});

const guarded = operations.filter(({ roles }) => roles !== null);
const methodOf = ({ method }: Operation): string => method.toUpperCase();
const exampleOf = ({ id }: Operation): Example => {
  const example = examples[id];
  if (!example) throw new Error(`${id} has no example here: its access is not tested`);
  return example();
};

/** All that a client can see, less what names the one call. */
const visible = ({ status, headers, body }: Answer): unknown => {
  const { date, 'x-request-id': id, ...rest } = headers;
  return { status, rest, body: body.toString().replaceAll(String(id), '') };
};

beforeAll(async () => {
  const data = scratchFolder();
  // Two days ago a token was made for one.
  const past = await startService({ data, clockOffsetMs: -2 * DAY });
  expired = await makeToken(past, { name: 'old', role: 'admin', validityDays: 1 });
  await past.stop();

  service = await startService({ data, flags: { outgoingPrivateHosts: '127.0.0.1' } });
  demo = await makeFleet(service, 'demo');
  other = await makeFleet(service, 'other');
  unbound = {
    admin: service.admin,
    security: await makeToken(service, { name: 'security', role: 'security' }),
    station: null,
    auditor: await makeToken(service, { name: 'auditor', role: 'auditor' }),
  };
  revoked = await makeToken(service, { name: 'gone', role: 'admin' });
  await service.call('DELETE', `/v1/tokens/${revoked.slice(4, 20)}`, { token: service.admin });

  await requestCertificate(service, demo, { body: known.csr });
  await requestCertificate(service, demo, { body: released.csr });
  await requestCertificate(service, demo, { body: makeDevice('bundled').csr });
  for (const id of ['taken-back', 'scrapped'])
    await requestCertificate(service, demo, { body: makeDevice(id).csr });
  const issued = await requestCertificate(service, demo, { body: makeDevice('revoked').csr });
  certificateId = issued.json().id;
  certificateSerial = issued.json().serial;
  await service.call('POST', '/v1/fleets/demo/batches', {
    token: demo.tokens.station,
    type: 'application/x-ndjson',
    headers: { 'idempotency-key': 'lot-1' },
    body: rowOf(makeDevice('in-lot').csr),
  });
  await makeAuthority(service, 'demo', demo.tokens.security, { name: 'registration', kind: 'registration' });
  const credentials = await service.call('POST', '/v1/fleets/demo/registration-credentials', {
    token: demo.tokens.security,
    json: { name: 'images', maxDevices: 1 },
  });
  registrationId = String(credentials.headers.location).split('/').at(-1) ?? '';
  await service.call('POST', '/v1/fleets/demo/servers', {
    token: demo.tokens.security,
    json: { name: 'production', kind: 'ota-connect' },
  });
  const asSecurity = (method: string, path: string, json?: unknown) =>
    service.call(method, `/v1/fleets/demo${path}`, { token: demo.tokens.security, json });
  await asSecurity('PUT', '/registry', { url: NOBODY });
  await asSecurity('POST', '/webhooks', { name: 'erp', url: NOBODY, events: ['batch.done'] });
  deliveryId = (await asSecurity('POST', '/devices/known/registration')).json().id;
  publishedCrls = (await service.call('GET', '/pki/demo/crls.pem')).text();
  const recipient = makeRecipient();
  recipient.remove();
  await service.call('POST', '/v1/fleets/demo/batches', {
    token: demo.tokens.station,
    type: 'application/x-ndjson',
    headers: { 'idempotency-key': 'made-keys', 'recipient-certificate': recipient.header },
    body: '',
  });
});

afterAll(() => stopSound(service));

it('every guarded operation of openapi.yaml has an example here', () => {
  expect(guarded.map(({ id }) => id).sort()).toEqual(Object.keys(examples).sort());
});

describe('without a token that is valid, a call is refused as unauthenticated:', () => {
  const bad: readonly [string, () => Record<string, string>][] = [
    ['none', () => ({})],
    ['an empty one', () => ({ authorization: 'Bearer ' })],
    ['malformed', () => ({ authorization: 'Bearer fca_short' })],
    ['another scheme', () => ({ authorization: `Basic ${service.admin}` })],
    ['two in one', () => ({ authorization: `Bearer ${service.admin} ${service.admin}` })],
    ['unknown', () => ({ authorization: `Bearer fca_0123456789abcdef_${'A'.repeat(43)}` })],
    ['another secret', () => ({ authorization: `Bearer ${service.admin.slice(0, -43)}${'A'.repeat(43)}` })],
    ['expired', () => ({ authorization: `Bearer ${expired}` })],
    ['revoked', () => ({ authorization: `Bearer ${revoked}` })],
  ];
  for (const [what, headers] of bad) {
    it(what, async () => {
      for (const operation of guarded) {
        const { target, status: _status, missing: _missing, ...wish } = exampleOf(operation);
        const answer = await service.call(methodOf(operation), target, { ...wish, headers: headers() });
        expect(answer.status, operation.id).toBe(401);
        expect(answer.code(), operation.id).toBe('unauthenticated');
      }
      // A path that is not there tells nothing either.
      const nowhere = await service.call('GET', '/v1/nowhere', { headers: headers() });
      expect(nowhere.status).toBe(401);
    });
  }
});

describe('a role that openapi.yaml lists may, and any other gets what it gets for nothing:', () => {
  for (const operation of guarded) {
    for (const role of ROLES) {
      const may = operation.roles?.includes(role);
      it(`${operation.id} as ${role}: ${may ? 'may' : 'may not'}`, async () => {
        const { target, missing, status, bound, ...wish } = exampleOf(operation);
        const token = (bound ? null : unbound[role]) ?? demo.tokens[role];
        const answer = await service.call(methodOf(operation), target, { ...wish, token });
        if (may) {
          expect(answer.status).toBe(status);
          return;
        }
        expect([answer.status, answer.code()]).toEqual([404, 'not-found']);
        if (missing === null) return;
        const nothing = await service.call(methodOf(operation), missing, { ...wish, token });
        expect(visible(answer)).toEqual(visible(nothing));
      });
    }
  }
});

describe('what is in another fleet answers octet for octet like what is not there:', () => {
  for (const operation of guarded) {
    for (const role of operation.roles ?? []) {
      it(`${operation.id} as ${role}`, async () => {
        const { target, missing, ...wish } = exampleOf(operation);
        if (missing === null) return;
        const token = other.tokens[role];
        const answer = await service.call(methodOf(operation), target, { ...wish, token });
        const nothing = await service.call(methodOf(operation), missing, { ...wish, token });
        expect(answer.status).toBe(404);
        expect(visible(answer)).toEqual(visible(nothing));
      });
    }
  }
});

it('a token that is bound to a fleet may nothing that concerns the whole service', async () => {
  for (const target of ['/v1/tokens', '/v1/audit']) {
    for (const role of ROLES) {
      const answer = await service.call('GET', target, { token: other.tokens[role] });
      expect([answer.status, answer.code()], `${target} as ${role}`).toEqual([404, 'not-found']);
    }
  }
  const list = await service.call('GET', '/v1/fleets', { token: other.tokens.auditor });
  expect(list.json().items.map(({ name }: { name: string }) => name)).toEqual(['other']);
});

it('a station token needs a fleet, and a token a fleet that exists', async () => {
  const make = (json: unknown) => service.call('POST', '/v1/tokens', { token: service.admin, json });
  expect((await make({ name: 'x', role: 'station' })).code()).toBe('bad-request');
  expect((await make({ name: 'x', role: 'station', fleet: 'nowhere' })).code()).toBe('not-found');
  expect((await make({ name: 'x', role: 'owner' })).code()).toBe('bad-json');
  expect((await make({ name: 'x', role: 'admin', validityDays: 3651 })).code()).toBe('bad-json');
});

it('the list of tokens holds no secret', async () => {
  const list = await service.call('GET', '/v1/tokens', { token: service.admin });
  expect(list.text()).not.toContain('fca_');
});
