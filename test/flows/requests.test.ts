import { createHash, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openReadOnly } from '../../src/store/driver.ts';
import { makeCsr, makeKey, type TestKey } from '../support/csr.ts';
import { makeDevice, makeFleet, makeToken, requestCertificate, type TestFleet } from '../support/fleet.ts';
import { withLedgerFile } from '../support/ledger-file.ts';
import { opensslFolder } from '../support/openssl.ts';
import { type Service, startService, stopSound } from '../support/service.ts';

let service: Service;
let fleet: TestFleet;
const openssl = opensslFolder();

const base64 = (octets: Uint8Array): string => Buffer.from(octets).toString('base64');
const pem = (csr: Uint8Array): string =>
  `-----BEGIN CERTIFICATE REQUEST-----\n${base64(csr).replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE REQUEST-----\n`;
const digestOf = (key: TestKey): string => createHash('sha256').update(key.spki).digest('hex');

beforeAll(async () => {
  service = await startService();
  fleet = await makeFleet(service, 'demo');
  const root = await service.call('GET', '/pki/demo/fleet-root.pem');
  openssl.write('root.pem', root.body);
});

afterAll(async () => {
  openssl.remove();
  await stopSound(service);
});

describe('the same request is the same certificate, however it is sent:', () => {
  const { csr, deviceId } = makeDevice('forms');
  const ways: readonly [string, Parameters<typeof requestCertificate>[2]][] = [
    ['raw DER', { body: csr }],
    ['raw PEM', { body: pem(csr) }],
    ['raw PEM with a charset', { body: pem(csr), type: 'application/pkcs10; charset=utf-8' }],
    ['raw, with the device ID in the query', { body: csr, query: '?deviceId=forms' }],
    ['JSON with PEM', { json: { csr: pem(csr) } }],
    ['JSON with DER in base64', { json: { csr: base64(csr), deviceId } }],
    ['JSON with the default profile by name', { json: { csr: base64(csr), profile: 'device' } }],
  ];
  it.each(ways)('%s', async (_way, wish) => {
    const first = await requestCertificate(service, fleet, { body: csr });
    const made = await requestCertificate(service, fleet, wish);
    expect(made.status).toBe(200);
    expect(made.headers['idempotency-replayed']).toBe('true');
    expect(made.json()).toEqual(first.json());
  });
});

it('a first request is 201 with its Location, where the same certificate is read', async () => {
  const made = await requestCertificate(service, fleet, {
    json: { csr: pem(makeDevice('first').csr), labels: { line: '7' } },
  });
  expect(made.status).toBe(201);
  expect(made.headers['idempotency-replayed']).toBeUndefined();
  const certificate = new X509Certificate(made.json().certificate);
  expect(made.json().id).toBe(certificate.fingerprint256.replaceAll(':', '').toLowerCase());
  expect(made.json()).toMatchObject({
    deviceId: 'first',
    status: 'active',
    labels: { line: '7' },
    batch: null,
  });
  const read = await service.call('GET', String(made.headers.location), { token: fleet.tokens.auditor });
  expect(read.json()).toEqual(made.json());
  const bySerial = await service.call('GET', `/v1/certificates/${made.json().serial}`, {
    token: fleet.tokens.station,
  });
  expect(bySerial.json()).toEqual(made.json());
});

describe('each form that Accept names is read by OpenSSL and chains to the fleet root:', () => {
  const device = makeDevice('accept');
  const ask = async (accept: string) => {
    const made = await requestCertificate(service, fleet, { body: device.csr, accept });
    expect(made.headers['content-type']?.split(';')[0]).toBe(accept.split(/[,;]/)[0]);
    return made;
  };
  const verify = (chain: string) =>
    openssl.run(
      'verify',
      '-x509_strict',
      '-purpose',
      'sslclient',
      '-CAfile',
      'root.pem',
      '-untrusted',
      chain,
      chain,
    );

  it('PEM chain', async () => {
    openssl.write('chain.pem', (await ask('application/pem-certificate-chain')).body);
    expect(verify('chain.pem')).toContain('OK');
    expect(openssl.read('chain.pem').match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
  });

  it('DER', async () => {
    openssl.write('leaf.der', (await ask('application/pkix-cert')).body);
    const said = openssl.run(
      'x509',
      '-inform',
      'DER',
      '-in',
      'leaf.der',
      '-noout',
      '-subject',
      '-nameopt',
      'RFC2253',
    );
    expect(said).toContain('CN=accept');
  });

  it('PKCS#7', async () => {
    const made = await ask('application/pkcs7-mime');
    expect(made.headers['content-type']).toContain('smime-type=certs-only');
    openssl.write('chain.p7c', made.body);
    openssl.write('from-p7.pem', openssl.run('pkcs7', '-inform', 'DER', '-in', 'chain.p7c', '-print_certs'));
    expect(verify('from-p7.pem')).toContain('OK');
  });

  it('JSON, which is what a client gets that does not care', async () => {
    for (const accept of ['application/json', 'application/json, text/html;q=0.5']) await ask(accept);
    const any = await requestCertificate(service, fleet, { body: device.csr, accept: '*/*' });
    openssl.write('from-json.pem', any.json().chain);
    expect(verify('from-json.pem')).toContain('OK');
  });

  it('none of which a client takes: 406, and nothing is issued', async () => {
    const made = await requestCertificate(service, fleet, {
      body: makeDevice('untaken').csr,
      accept: 'image/png',
    });
    expect([made.status, made.code()]).toEqual([406, 'not-acceptable']);
    const read = await service.call('GET', '/v1/fleets/demo/devices/untaken', {
      token: fleet.tokens.station,
    });
    expect(read.status).toBe(404);
  });

  it('a zip where the fleet has no gateway: 422, and nothing is issued', async () => {
    const bare = await makeFleet(service, 'bare', { gatewayUrl: null });
    const wish = { body: makeDevice('unbundled').csr, accept: 'application/zip' };
    expect((await requestCertificate(service, bare, wish)).code()).toBe('bundle-unfit');
    const read = await service.call('GET', '/v1/fleets/bare/devices/unbundled', {
      token: bare.tokens.station,
    });
    expect(read.status).toBe(404);
  });
});

it('fifty equal requests at one time give one certificate, once as 201', async () => {
  const { csr } = makeDevice('raced');
  const made = await Promise.all(
    Array.from({ length: 50 }, () => requestCertificate(service, fleet, { body: csr })),
  );
  expect(new Set(made.map((one) => one.json().id)).size).toBe(1);
  expect(made.map(({ status }) => status).sort()).toEqual([...Array(49).fill(200), 201]);
  const device = await service.call('GET', '/v1/fleets/demo/devices/raced', { token: fleet.tokens.station });
  expect(device.json().certificates).toHaveLength(1);
});

it('of fifty keys for one device at one time one wins, and the others are conflicts', async () => {
  const csrs = Array.from({ length: 50 }, () => makeDevice('contested').csr);
  const made = await Promise.all(csrs.map((body) => requestCertificate(service, fleet, { body })));
  expect(made.map(({ status }) => status).sort()).toEqual([201, ...Array(49).fill(409)]);
  const losers = made.filter(({ status }) => status === 409);
  expect(new Set(losers.map((one) => one.code()))).toEqual(new Set(['device-has-other-key']));
});

it('a CSR that was signed anew by the same key is the same request', async () => {
  const key = makeKey();
  const first = await requestCertificate(service, fleet, { body: makeCsr({ deviceId: 'anew', key }) });
  const anew = await requestCertificate(service, fleet, { body: makeCsr({ deviceId: 'anew', key }) });
  expect([anew.status, anew.json().id]).toEqual([200, first.json().id]);
});

it('another notAfter, or other labels, make it another request', async () => {
  const csr = base64(makeDevice('differs').csr);
  const labels = { line: '7' };
  expect((await requestCertificate(service, fleet, { json: { csr, labels } })).status).toBe(201);
  for (const json of [
    { csr, labels: { line: '8' } },
    { csr, labels, notAfter: '2027-06-01T00:00:00Z' },
  ]) {
    const made = await requestCertificate(service, fleet, { json });
    expect([made.status, made.code()]).toEqual([409, 'request-differs']);
  }
  expect((await requestCertificate(service, fleet, { json: { csr, labels } })).status).toBe(200);
});

it('a notAfter is taken as it is, or refused: never bent', async () => {
  const soon = new Date(Math.floor(Date.now() / 1000) * 1000 + 86_400_000).toISOString().replace('.000', '');
  const query = `?notAfter=${encodeURIComponent(soon)}`;
  const made = await requestCertificate(service, fleet, { body: makeDevice('ends').csr, query });
  expect(made.json().notAfter).toBe(soon);
  const json = { csr: base64(makeDevice('endless').csr), notAfter: '2199-01-01T00:00:00Z' };
  const far = await requestCertificate(service, fleet, { json });
  expect([far.status, /^validity-exceeds-/.test(far.code())]).toEqual([422, true]);
});

describe('another key for a known device', () => {
  const first = makeDevice('known');
  const second = makeDevice('known');
  const third = makeDevice('known');
  const reason = 'board replaced';

  it('is a conflict', async () => {
    expect((await requestCertificate(service, fleet, { body: first.csr })).status).toBe(201);
    const made = await requestCertificate(service, fleet, { body: second.csr });
    expect([made.status, made.code()]).toEqual([409, 'device-has-other-key']);
  });

  it('is not found where a station that may not asks to supersede', async () => {
    const made = await requestCertificate(service, fleet, {
      json: { csr: base64(second.csr), supersede: { reason } },
    });
    expect(made.status).toBe(404);
    expect(made.code()).toBe('not-found');
  });

  it('supersedes as role security, and the old certificate stays, marked superseded', async () => {
    const query = `?supersede=${encodeURIComponent(reason)}`;
    const made = await requestCertificate(service, fleet, {
      body: second.csr,
      query,
      token: fleet.tokens.security,
    });
    expect(made.status).toBe(201);
    const device = await service.call('GET', '/v1/fleets/demo/devices/known', {
      token: fleet.tokens.auditor,
    });
    const [newest, oldest] = device.json().certificates;
    expect([newest.status, oldest.status]).toEqual(['active', 'superseded']);
    expect(newest.id).toBe(made.json().id);
  });

  it('supersedes as a station whose token carries the right', async () => {
    const wish = { name: 'repair', role: 'station', fleet: 'demo', rights: ['supersede'] };
    const token = await makeToken(service, wish);
    const json = { csr: base64(third.csr), supersede: { reason } };
    expect((await requestCertificate(service, fleet, { json, token })).status).toBe(201);
    expect((await requestCertificate(service, fleet, { json: { csr: base64(third.csr) } })).status).toBe(200);
  });

  it('leaves its reason with the intent, over which the audit entry has a digest', async () => {
    const rows = await withLedgerFile(service.database, (file) => {
      const ledger = openReadOnly(file);
      const sql = 'SELECT supersede FROM intent WHERE supersede IS NOT NULL ORDER BY id';
      const found = ledger.prepare(sql).pluck().all();
      ledger.close();
      return found;
    });
    expect(rows).toEqual([reason, reason]);
  });
});

it('the key of a revoked certificate is retired, and who may can have a new certificate for it', async () => {
  const { csr } = makeDevice('lost');
  const made = await requestCertificate(service, fleet, { body: csr });
  const revoke = () =>
    service.call('POST', `${made.headers.location}/revoke`, {
      token: fleet.tokens.security,
      json: { reason: 'keyCompromise' },
    });
  const revoked = await revoke();
  expect(revoked.json()).toMatchObject({ status: 'revoked', revocationReason: 'keyCompromise' });
  expect((await revoke()).json()).toEqual(revoked.json());

  const again = await requestCertificate(service, fleet, { body: csr });
  expect([again.status, again.code()]).toEqual([409, 'key-retired']);
  const query = '?supersede=found';
  const renewed = await requestCertificate(service, fleet, {
    body: csr,
    query,
    token: fleet.tokens.security,
  });
  expect(renewed.status).toBe(201);
  expect(renewed.json().id).not.toBe(made.json().id);
});

it('a key belongs to its device until it is released, and may then go to another', async () => {
  const key = makeKey();
  await requestCertificate(service, fleet, { body: makeCsr({ deviceId: 'board-1', key }) });
  const other = { body: makeCsr({ deviceId: 'board-2', key }) };
  const early = await requestCertificate(service, fleet, other);
  expect([early.status, early.code()]).toEqual([409, 'key-of-another-device']);

  const release = (digest: string) =>
    service.call('POST', `/v1/fleets/demo/keys/${digest}/release`, {
      token: fleet.tokens.security,
      json: { reason: 'other housing' },
    });
  expect((await release(digestOf(key))).status).toBe(204);
  expect((await requestCertificate(service, fleet, other)).status).toBe(201);
  expect((await release(digestOf(makeKey()))).code()).toBe('not-found');
});

it('the same key may have a certificate in another fleet', async () => {
  const key = makeKey();
  const second = await makeFleet(service, 'second');
  await requestCertificate(service, fleet, { body: makeCsr({ deviceId: 'shared', key }) });
  const made = await requestCertificate(service, second, { body: makeCsr({ deviceId: 'shared', key }) });
  expect(made.status).toBe(201);
});

it('devices are listed bytewise, in pages, to the end', async () => {
  const ids: string[] = [];
  for (let after: string | null = ''; after !== null; ) {
    const query = `?limit=3&after=${encodeURIComponent(after)}`;
    const page = await service.call('GET', `/v1/fleets/demo/devices${query}`, {
      token: fleet.tokens.station,
    });
    ids.push(...page.json().items.map(({ deviceId }: { deviceId: string }) => deviceId));
    after = page.json().next;
  }
  expect(ids.length).toBeGreaterThan(5);
  expect(ids).toEqual([...ids].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
});
