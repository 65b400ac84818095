import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer, CallWish } from '../support/client.ts';
import {
  makeDevice,
  makeFleet,
  makeToken,
  requestCertificate,
  rowOf,
  type TestFleet,
} from '../support/fleet.ts';
import { octetsAtRest } from '../support/ledger-file.ts';
import { opensslFolder } from '../support/openssl.ts';
import { makeRecipient, type TestRecipient } from '../support/recipient.ts';
import { type Service, startService, stopSound } from '../support/service.ts';

let service: Service;
let fleet: TestFleet;
let superseding: string;
const ec = makeRecipient('P-256');
const rsa = makeRecipient('rsa-2048', '-addext', 'keyUsage=keyEncipherment');
const openssl = opensslFolder();
/** Private keys that went out, PKCS#8: none of them may lie anywhere. */
const canaries: Buffer[] = [];

beforeAll(async () => {
  service = await startService({ level: 'trace' });
  fleet = await makeFleet(service, 'demo');
  superseding = await makeToken(service, { name: 'boss', role: 'security', fleet: 'demo' });
});

afterAll(async () => {
  for (const { remove } of [ec, rsa, openssl]) remove();
  await stopSound(service);
});

const create = (json: Record<string, unknown>, wish: CallWish = {}): Promise<Answer> =>
  service.call('POST', '/v1/fleets/demo/devices', { token: fleet.tokens.station, json, ...wish });

/** The key fits the certificate; it is a canary from now on. */
function expectFit(pkcs8: Buffer, certificate: string): void {
  canaries.push(pkcs8);
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  expect(new X509Certificate(certificate).checkPrivateKey(key)).toBe(true);
}

const octetsOf = (pem: string): Buffer => createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' });

describe('one device without a recipient', () => {
  it.each([undefined, 'ec-p384', 'rsa-2048', 'ed25519'])(
    'gets a key that fits, once: %s',
    async (keyAlgorithm) => {
      const deviceId = `clear-${keyAlgorithm}`;
      const made = await create({ deviceId, keyAlgorithm, labels: { line: '7' } });
      expect(made.status).toBe(201);
      expect(made.headers['cache-control']).toBe('no-store');
      const { privateKey, certificate, id, envelope } = made.json();
      expect(envelope).toBeUndefined();
      expectFit(octetsOf(privateKey), certificate);
      expect(made.headers.location).toBe(`/v1/certificates/${id}`);
      const again = await create({ deviceId, keyAlgorithm });
      expect([again.status, again.code()]).toEqual([409, 'key-not-recoverable']);
      expect(again.json().detail).toContain('supersede');
    },
  );

  it('gets another with supersede, and the old certificate is marked', async () => {
    const first = (await create({ deviceId: 'lost' })).json();
    const wish = { deviceId: 'lost', supersede: { reason: 'the answer was lost' } };
    expect((await create(wish)).status).toBe(404);
    const second = (await create(wish, { token: superseding })).json();
    expect(second.id).not.toBe(first.id);
    expectFit(octetsOf(second.privateKey), second.certificate);
    const old = await service.call('GET', `/v1/certificates/${first.id}`, { token: fleet.tokens.auditor });
    expect(old.json().status).toBe('superseded');
  });

  it('gets a bundle with its key', async () => {
    const made = await create({ deviceId: 'bundled' }, { accept: 'application/zip' });
    expect([made.status, made.headers['content-type']]).toEqual([201, 'application/zip']);
    openssl.write('bundle.zip', made.body);
    const device = await service.call('GET', '/v1/fleets/demo/devices/bundled', {
      token: fleet.tokens.auditor,
    });
    expect(made.body.includes('bundled/pkey.pem')).toBe(true);
    expect(device.json().certificates).toHaveLength(1);
  });

  it('is refused as policy, name and token say, and no slot is taken', async () => {
    expect((await create({ deviceId: 'a/b' })).code()).toBe('bad-device-id');
    expect((await create({ deviceId: 'kind', keyAlgorithm: 'dsa' })).code()).toBe('bad-json');
    expect((await create({ deviceId: 'kind', csr: 'A' })).code()).toBe('bad-json');
    expect((await create({ deviceId: 'kind', profile: 'none' })).code()).toBe('profile-unknown');
    expect((await create({ deviceId: 'kind' })).status).toBe(201);
  });

  it('that brought a CSR keeps its key', async () => {
    const device = makeDevice('own-key');
    await requestCertificate(service, fleet, { body: device.csr });
    expect((await create({ deviceId: 'own-key' })).code()).toBe('device-has-other-key');
    await create({ deviceId: 'made-key' });
    const other = await requestCertificate(service, fleet, { body: makeDevice('made-key').csr });
    expect(other.code()).toBe('device-has-other-key');
  });
});

describe.each<[string, TestRecipient]>([
  ['EC', ec],
  ['RSA', rsa],
])('one device with a recipient, %s', (kind, recipient) => {
  const wish = { deviceId: `sealed-${kind}`, recipient: recipient.pem };

  it('gets an envelope that opens, and the same again until it is acknowledged', async () => {
    const made = await create(wish);
    expect(made.status).toBe(201);
    const { envelope, certificate, privateKey, id } = made.json();
    expect(privateKey).toBeUndefined();
    expectFit(recipient.open(envelope), certificate);

    const again = await create(wish);
    expect([again.status, again.headers['idempotency-replayed']]).toEqual([200, 'true']);
    expect(again.json()).toEqual(made.json());

    const another = kind === 'EC' ? rsa : ec;
    expect((await create({ ...wish, recipient: another.pem })).code()).toBe('request-differs');
    expect((await create({ deviceId: wish.deviceId })).code()).toBe('request-differs');
    expect((await create(wish, { accept: 'application/zip' })).code()).toBe('bundle-unfit');

    const token = fleet.tokens.station;
    const acknowledged = await service.call('POST', `/v1/certificates/${id}/acknowledge`, { token });
    expect(acknowledged.json().id).toBe(id);
    expect((await create(wish)).code()).toBe('key-not-recoverable');
  });
});

it('a recipient that cannot be used is refused at the door', async () => {
  const signer = makeRecipient('P-256', '-addext', 'keyUsage=digitalSignature');
  expect((await create({ deviceId: 'r', recipient: signer.pem })).code()).toBe('bad-recipient');
  expect((await create({ deviceId: 'r', recipient: 'x' })).code()).toBe('bad-recipient');
  expect((await create({ deviceId: 'r', recipient: ec.pem + rsa.pem })).code()).toBe('bad-recipient');
  expect((await send('door', [], { header: signer.header })).code()).toBe('bad-recipient');
  expect((await send('door', [], { header: 'AAAA' })).code()).toBe('bad-request');
  expect((await send('door', [], { header: null, query: '?keyAlgorithm=ec-p256' })).code()).toBe(
    'bad-request',
  );
  signer.remove();
});

interface LotWish {
  readonly header?: string | null;
  readonly query?: string;
  readonly type?: string;
}

/** Sends a lot for the EC recipient, or another, or none. */
function send(id: string, lines: readonly string[], wish: LotWish = {}): Promise<Answer> {
  const { header = ec.header, query = '', type = 'application/x-ndjson' } = wish;
  return service.call('POST', `/v1/fleets/demo/batches${query}`, {
    token: fleet.tokens.station,
    type,
    headers: { 'idempotency-key': id, ...(header === null ? {} : { 'recipient-certificate': header }) },
    body: lines.join(''),
  });
}

const idRows = (prefix: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => `${JSON.stringify({ deviceId: `${prefix}-${i}` })}\n`);

const acknowledge = (id: string, through: number): Promise<Answer> =>
  service.call('POST', `/v1/batches/${id}/acknowledge`, { token: fleet.tokens.station, json: { through } });

const results = async (id: string, after = 0) =>
  (await service.call('GET', `/v1/batches/${id}/results?after=${after}`, { token: fleet.tokens.station }))
    .lines()
    .slice(0, -1);

describe('a lot of device IDs', () => {
  it('has a certificate and an envelope in each outcome, in both answers alike', async () => {
    const answer = (await send('lot-a', idRows('a', 300))).lines();
    expect(answer.at(-1).summary).toMatchObject({ rows: 300, issued: 300 });
    const outcomes = answer.slice(0, -1);
    for (const one of outcomes.slice(0, 3)) expectFit(ec.open(one.envelope), one.certificate);
    const read = (await results('lot-a')).map(({ seq: _seq, attempt: _attempt, ...outcome }) => outcome);
    expect(read).toEqual(outcomes);
    const shown = await service.call('GET', '/v1/batches/lot-a', { token: fleet.tokens.station });
    expect(shown.json()).toMatchObject({ keyAlgorithm: 'ec-p256', acknowledged: 0 });
  });

  it('replays certificate and envelope under the same id and another, and goes on', async () => {
    const first = (await send('lot-b', idRows('b', 20))).lines();
    for (const id of ['lot-b', 'lot-c']) {
      const again = (await send(id, idRows('b', 25))).lines();
      expect(again.slice(0, 20)).toEqual(first.slice(0, 20).map((one) => ({ ...one, status: 'replayed' })));
      expect(again.at(-1).summary).toMatchObject({ rows: 25, issued: id === 'lot-b' ? 5 : 0 });
    }
    expect((await send('lot-b', idRows('b', 1), { header: rsa.header })).code()).toBe(
      'idempotency-key-reused',
    );
    const elsewhere = (await send('lot-d', idRows('b', 1), { header: rsa.header })).lines();
    expect(elsewhere[0].problem.code).toBe('request-differs');
  });

  it('drops envelopes as they are acknowledged, and gives no second key', async () => {
    await send('lot-e', idRows('e', 10));
    expect((await acknowledge('lot-e', 4)).json()).toEqual({ id: 'lot-e', acknowledged: 4, dropped: 4 });
    expect((await acknowledge('lot-e', 4)).json()).toEqual({ id: 'lot-e', acknowledged: 4, dropped: 0 });
    const kept = (await results('lot-e')).map(({ envelope }) => envelope !== undefined);
    expect(kept).toEqual([...Array(4).fill(false), ...Array(6).fill(true)]);
    const again = (await send('lot-e', idRows('e', 10))).lines();
    expect(again.slice(0, 10).map((one) => one.problem?.code ?? one.status)).toEqual([
      ...Array(4).fill('key-not-recoverable'),
      ...Array(6).fill('replayed'),
    ]);
    expect((await acknowledge('lot-e', 1000)).code()).toBe('bad-request');
    await send('lot-f', [rowOf(makeDevice('f').csr)], { header: null });
    expect((await acknowledge('lot-f', 1)).code()).toBe('bad-request');
  });

  it('comes as CSV, with kinds of key, rows that bring a CSR, and rows that are refused', async () => {
    const own = makeDevice('g-own');
    const records = [
      'deviceId,keyAlgorithm,csr,label:line\n',
      'g-0,,,7\n',
      'g-1,ed25519,,7\n',
      `,,${Buffer.from(own.csr).toString('base64')},7\n`,
      'g/3,,,7\n',
    ];
    const outcomes = (
      await send('lot-g', records, { type: 'text/csv', query: '?keyAlgorithm=ec-p384' })
    ).lines();
    const [a, b, c, d] = outcomes;
    const kinds = [a, b].map((one) => {
      const pkcs8 = ec.open(one.envelope);
      expectFit(pkcs8, one.certificate);
      const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey(
        createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }),
      );
      return asymmetricKeyDetails?.namedCurve ?? asymmetricKeyType;
    });
    expect(kinds).toEqual(['secp384r1', 'ed25519']);
    expect([c.status, c.envelope]).toEqual(['issued', undefined]);
    expect(d.problem.code).toBe('bad-device-id');
  });

  it('without a recipient makes no keys', async () => {
    const [line] = (await send('lot-h', idRows('h', 1), { header: null })).lines();
    expect(line.problem.code).toBe('bad-json');
    const csv = (await send('lot-i', ['deviceId\n', 'i-0\n'], { header: null, type: 'text/csv' })).lines();
    expect(csv.at(-1).problem.code).toBe('bad-lot');
  });

  it('is opened after a kill as before it', async () => {
    const first = (await send('lot-k', idRows('k', 5))).lines();
    const { data } = service;
    await service.kill();
    service = await startService({ data, level: 'trace' });
    expect((await send('lot-k', idRows('k', 5))).lines().slice(0, 5)).toEqual(
      first.slice(0, 5).map((one) => ({ ...one, status: 'replayed' })),
    );
  });
});

it('acknowledgements are on the audit log, with who and how many', async () => {
  const token = await makeToken(service, { name: 'auditor', role: 'auditor' });
  const page = await service.call('GET', '/v1/audit?limit=1000', { token });
  const entries = page.json().items.filter(({ action }: { action: string }) => /acknowledged/.test(action));
  const actions = entries.map(({ action }: { action: string }) => action);
  expect(actions).toEqual(['key-acknowledged', 'key-acknowledged', 'keys-acknowledged']);
  expect(entries[2].details).toMatchObject({ batch: 'lot-e', through: 4, dropped: 4 });
});

it('no private key lies in the database, its log, or the service’s own log', async () => {
  expect(canaries.length).toBeGreaterThan(10);
  const places = [...(await octetsAtRest(service.database)), Buffer.from(service.log(), 'latin1')];
  for (const pkcs8 of canaries) {
    // The end of a PKCS#8 is key, public or private; the private part of an EC key begins before it.
    const forms = [pkcs8, secretOf(pkcs8)];
    const texts = forms.flatMap((octets) => [octets.toString('hex'), octets.toString('base64').slice(0, 40)]);
    for (const place of places) {
      for (const form of forms) expect(place.includes(form)).toBe(false);
      for (const text of texts) expect(place.includes(text)).toBe(false);
    }
  }
});

/** 24 octets of the secret itself: the private scalar, or a part of the RSA primes. */
function secretOf(pkcs8: Buffer): Buffer {
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  const { d = '' } = key.export({ format: 'jwk' });
  return Buffer.from(d, 'base64url').subarray(0, 24);
}
