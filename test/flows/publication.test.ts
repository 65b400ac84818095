import { createHash, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REFUSAL_CODES } from '../../src/errors.ts';
import { callPlain } from '../support/client.ts';
import { makeAuthority, makeFleet, type TestFleet } from '../support/fleet.ts';
import { operations } from '../support/openapi.ts';
import { type Service, startService, stopSound } from '../support/service.ts';

let service: Service;
let fleet: TestFleet;

const FILES = [
  '',
  'fleet-root.pem',
  'fleet-root.der',
  'trust-bundle.pem',
  'fingerprint.txt',
  'crls.pem',
  'crl/line-7/1.crl',
];

beforeAll(async () => {
  service = await startService();
  fleet = await makeFleet(service, 'demo');
});

afterAll(() => stopSound(service));

const plain = (method: string, target: string, headers: Record<string, string> = {}) =>
  callPlain(String(service.publicUrl), method, target, { headers });

it('the files of a fleet agree with each other and with the list of authorities', async () => {
  const get = async (file: string) => (await service.call('GET', `/pki/demo/${file}`)).body;
  const der = await get('fleet-root.der');
  const pem = (await get('fleet-root.pem')).toString();
  expect(new X509Certificate(pem).raw.equals(der)).toBe(true);
  const fingerprint = createHash('sha256').update(der).digest('hex');
  expect((await get('fingerprint.txt')).toString()).toBe(`sha256 ${fingerprint}\n`);
  const list = await service.call('GET', '/v1/fleets/demo/authorities', { token: fleet.tokens.auditor });
  const certificates = list.json().items.map(({ certificate }: { certificate: string }) => certificate);
  expect((await get('trust-bundle.pem')).toString()).toBe(certificates.join(''));
  expect(certificates[0]).toBe(pem);
  expect((await get('')).toString()).toContain(fingerprint);
});

describe.each(FILES)('/pki/demo/%s', (file) => {
  const target = `/pki/demo/${file}`;

  it('is the same on both listeners, and open', async () => {
    const [api, site] = [await service.call('GET', target), await plain('GET', target)];
    expect([api.status, site.status]).toEqual([200, 200]);
    expect(site.body.equals(api.body)).toBe(true);
    expect(site.headers.etag).toBe(api.headers.etag);
  });

  it('is 304 for who has it already, in each form of If-None-Match', async () => {
    const etag = String((await plain('GET', target)).headers.etag);
    for (const given of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      expect((await plain('GET', target, { 'if-none-match': given })).status, given).toBe(304);
    }
    expect((await plain('GET', target, { 'if-none-match': '"other"' })).status).toBe(200);
  });

  it('answers HEAD as GET, without the body', async () => {
    const [get, head] = [await plain('GET', target), await plain('HEAD', target)];
    expect(head.headers['content-length']).toBe(String(get.body.length));
    expect(head.headers.etag).toBe(get.headers.etag);
  });

  it('knows no other method', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      const answer = await plain(method, target);
      expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD, OPTIONS']);
    }
    expect((await plain('OPTIONS', target)).status).toBe(204);
  });
});

it('the trust bundle and its tag change with a new authority; the root does not', async () => {
  const tags = async () => [
    (await plain('GET', '/pki/demo/trust-bundle.pem')).headers.etag,
    (await plain('GET', '/pki/demo/fleet-root.pem')).headers.etag,
  ];
  const [bundle, root] = await tags();
  await makeAuthority(service, 'demo', fleet.tokens.security, { name: 'line-8', kind: 'issuing' });
  const [newBundle, newRoot] = await tags();
  expect(newBundle).not.toBe(bundle);
  expect(newRoot).toBe(root);
});

it('the plain HTTP listener serves nothing but /pki', async () => {
  for (const { path, method } of operations) {
    if (path.startsWith('/pki/')) continue;
    const target = path.replace('{fleet}', 'demo').replace(/\{[^}]+\}/g, 'x');
    // Beside openapi.yaml, which is about the API: here these paths do not exist.
    const headers = { authorization: `Bearer ${service.admin}` };
    const { status } = await fetch(service.publicUrl + target, { method: method.toUpperCase(), headers });
    expect(status, target).toBe(404);
  }
});

it('what is not published is not found: another fleet, one without a root, odd names', async () => {
  await service.call('POST', '/v1/fleets', {
    token: service.admin,
    json: { name: 'rootless', target: 'generic' },
  });
  for (const name of [
    'nowhere',
    'rootless',
    '..%2fdemo',
    '%2e%2e',
    'DEMO',
    "demo'--",
    '%00',
    'x'.repeat(300),
  ]) {
    for (const file of FILES) expect((await plain('GET', `/pki/${name}/${file}`)).status, name).toBe(404);
  }
});

it('a page carries no script and may not be framed', async () => {
  const page = await plain('GET', '/pki/demo/');
  expect(page.text()).not.toMatch(/<script|javascript:| on[a-z]+=/i);
  expect(page.headers['content-security-policy']).toContain("default-src 'none'");
  expect(page.headers['content-security-policy']).toContain("frame-ancestors 'none'");
  expect(page.headers['x-content-type-options']).toBe('nosniff');
});

it.each(REFUSAL_CODES)('/problems/%s is a page about it, and the list leads there', async (code) => {
  const page = await service.call('GET', `/problems/${code}`);
  expect(page.status).toBe(200);
  expect(page.text()).toContain(`<code>${code}</code>`);
  expect((await service.call('GET', '/problems')).text()).toContain(`href="/problems/${code}"`);
});

it('a problem that does not exist is not found, and is not repeated in the answer', async () => {
  for (const code of ['nothing', '__proto__', 'constructor', 'toString', '%3Cscript%3E']) {
    const answer = await service.call('GET', `/problems/${code}`);
    expect(answer.status, code).toBe(404);
    expect(answer.text()).not.toContain('<script>');
  }
});
