import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeDevice, makeFleet, makeToken, requestCertificate, type TestFleet } from '../support/fleet.ts';
import { operations } from '../support/openapi.ts';
import { type Service, startService, stopSound } from '../support/service.ts';

let service: Service;
let fleet: TestFleet;
/** Of no fleet: what is the whole service's is hidden from the others. */
let unbound: string;
const { csr } = makeDevice('dev-1');
const base64 = Buffer.from(csr).toString('base64');

beforeAll(async () => {
  service = await startService();
  fleet = await makeFleet(service, 'demo');
  unbound = await makeToken(service, { name: 'unbound', role: 'security' });
});

afterAll(() => stopSound(service));

/** A body of JSON as it stands. */
const send = (body: string | Uint8Array, type = 'application/json') =>
  requestCertificate(service, fleet, { body, type });

describe('JSON that does not mean the same to every reader is refused as bad-json:', () => {
  const deep = (depth: number): string =>
    `{"csr":"${base64}","labels":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`;
  const bodies: readonly [string, string | Uint8Array][] = [
    ['__proto__', `{"csr":"${base64}","__proto__":{"role":"admin"}}`],
    ['__proto__ by an escape', `{"csr":"${base64}","__pr\\u006fto__":{"role":"admin"}}`],
    ['__proto__ inside', `{"csr":"${base64}","labels":{"__proto__":"x"}}`],
    ['constructor', `{"csr":"${base64}","constructor":{"prototype":{}}}`],
    ['a name twice', `{"csr":"${base64}","deviceId":"dev-1","deviceId":"dev-2"}`],
    ['a name twice, once by an escape', `{"csr":"${base64}","\\u0063sr":"${base64}"}`],
    ['nesting over 8', deep(9)],
    ['nesting of 100,000', `{"csr":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
    ['a lone surrogate', `{"csr":"${base64}","deviceId":"\\ud800"}`],
    ['a lone surrogate in a name', `{"csr":"${base64}","labels":{"\\udfff":"x"}}`],
    ['a number beyond a double', `{"csr":"${base64}","labels":{"a":1e400}}`],
    ['an array for a string', `{"csr":["${base64}"]}`],
    ['a number for a string', '{"csr":1}'],
    ['null for a string', `{"csr":"${base64}","deviceId":null}`],
    ['a name that is not known', `{"csr":"${base64}","admin":true}`],
    ['an array', `[{"csr":"${base64}"}]`],
    ['a string', '"csr"'],
    ['nothing', ''],
    ['text after it', `{"csr":"${base64}"} {}`],
    ['a byte order mark', `\ufeff{"csr":"${base64}"}`],
    ['a comment', `{"csr":"${base64}"/**/}`],
    [
      'octets that are no UTF-8',
      Buffer.concat([Buffer.from('{"csr":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]),
    ],
    ['U+0000 in a label', `{"csr":"${base64}","labels":{"a":"\\u0000"}}`],
    [
      '17 labels',
      JSON.stringify({
        csr: base64,
        labels: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`l${i}`, 'x'])),
      }),
    ],
    ['a notAfter that is no time', `{"csr":"${base64}","notAfter":"tomorrow"}`],
  ];
  it.each(bodies)('%s', async (_what, body) => {
    const answer = await send(body);
    expect([answer.status, answer.code()]).toEqual([400, 'bad-json']);
  });

  it('and nothing came of any of them', async () => {
    expect(({} as { role?: string }).role).toBeUndefined();
    const device = await service.call('GET', '/v1/fleets/demo/devices/dev-1', {
      token: fleet.tokens.station,
    });
    expect(device.status).toBe(404);
  });
});

it('a body over its limit is refused as too-large', async () => {
  const json = await send(`{"csr":"${'A'.repeat(256 * 1024)}"}`);
  expect([json.status, json.code()]).toEqual([413, 'too-large']);
  const raw = await send(Buffer.alloc(64 * 1024 + 1), 'application/pkcs10');
  expect([raw.status, raw.code()]).toEqual([413, 'too-large']);
  const most = await send(Buffer.alloc(64 * 1024), 'application/pkcs10');
  expect(most.status).toBe(400);
});

describe('another kind of body is refused as unsupported-media-type:', () => {
  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json; charset=utf-16',
    'application/json; charset=utf-8; charset=latin1',
    'application/jsonx',
    'application/json,application/pkcs10',
  ])('%s', async (type) => {
    const answer = await send('{}', type);
    expect([answer.status, answer.code()]).toEqual([415, 'unsupported-media-type']);
  });

  it('none at all, and one with a Content-Encoding', async () => {
    const path = '/v1/fleets/demo/certificates';
    const none = await service.call('POST', path, { token: fleet.tokens.station, body: csr });
    expect(none.code()).toBe('unsupported-media-type');
    for (const coding of ['gzip', 'br', 'identity, gzip']) {
      const headers = { 'content-encoding': coding };
      const answer = await requestCertificate(service, fleet, { body: csr, headers });
      expect(answer.code(), coding).toBe('unsupported-media-type');
    }
  });
});

describe('a path or query that is not percent-encoded UTF-8 is refused:', () => {
  it.each([
    '/v1/fleets/%zz',
    '/v1/fleets/%c3%28',
    '/v1/fleets/%',
    '/problems/%ff',
    '/pki/%e0%80/fleet-root.pem',
  ])('%s', async (target) => {
    const answer = await service.call('GET', target, { token: service.admin });
    expect([answer.status, answer.code()]).toEqual([400, 'bad-request']);
  });

  it.each([
    '?after=%zz',
    '?after=%ff',
    '?%=1',
    '?after=a&after=b',
    '?after=a&%61fter=b',
    '?limit=0',
    '?limit=1001',
  ])('/v1/fleets%s', async (query) => {
    const answer = await service.call('GET', `/v1/fleets${query}`, { token: service.admin });
    expect([answer.status, answer.code()]).toEqual([400, 'bad-request']);
  });
});

it('what looks like a way out of a path is a name like any other, and not there', async () => {
  for (const name of [
    '..%2f..%2fetc%2fpasswd',
    '%2e%2e',
    'demo%2f',
    'demo%00',
    '%E2%80%AEomed',
    "demo'%20OR%201=1",
    'DEMO',
  ]) {
    const answer = await service.call('GET', `/v1/fleets/${name}`, { token: service.admin });
    expect([answer.status, answer.code()], name).toEqual([404, 'not-found']);
    const device = await service.call('GET', `/v1/fleets/demo/devices/${name}`, {
      token: fleet.tokens.station,
    });
    expect(device.status, name).toBe(404);
  }
});

const sample = (path: string): string =>
  path
    .replace('{fleet}', 'demo')
    .replace('{authority}', 'root')
    .replace('{code}', 'bad-der')
    .replace('{digest}', '0'.repeat(64))
    .replace(/\{[^}]+\}/g, '0000000000000000');

const guarded = operations.filter(({ roles }) => roles !== null);

/** One that may call it, where there is one. */
function tokenFor(operation: string, target: string): string {
  if (guarded.find(({ id }) => id === operation)?.roles?.includes('admin')) return service.admin;
  if (/^\/(metrics|v1\/(restoration|crls))/.test(target)) return unbound;
  return fleet.tokens[target.endsWith('/audit') ? 'auditor' : 'security'];
}

it.each(guarded.map(({ id, method, path }) => [id, method.toUpperCase(), sample(path)]))(
  '%s refuses a query parameter that is not listed',
  async (_id, method, target) => {
    const token = tokenFor(_id, target);
    const wish = {
      token,
      ...(target.endsWith('/batches') ? { type: 'application/x-ndjson' } : { json: {} }),
    };
    for (const query of ['?unknown=1', '?__proto__=1', '?constructor=1']) {
      const answer = await service.call(method, target + query, method === 'GET' ? { token } : wish);
      // A token that is bound to a fleet may not read the audit log at all.
      if (answer.status === 404) expect(target).toMatch(/audit|certificates\/|batches\/|devices\/|revoke/);
      else expect([answer.status, answer.code()], query).toEqual([400, 'bad-request']);
    }
  },
);

// What the mutual-TLS listener has is not there for whoever has a token.
const ofApi = operations.filter(({ isMutual }) => !isMutual);

it.each([...new Set(ofApi.map(({ path }) => path))])(
  '%s names its methods by OPTIONS and 405',
  async (path) => {
    const known = ofApi.filter((one) => one.path === path).map(({ method }) => method.toUpperCase());
    const allow = [...known.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])), 'OPTIONS'];
    const target = sample(path);
    const options = await service.call('OPTIONS', target, { token: service.admin });
    expect(String(options.headers.allow).split(', ').sort()).toEqual(allow.sort());
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((one) => !known.includes(one))) {
      const answer = await service.call(method, target, { token: service.admin });
      expect([answer.status, answer.code()], method).toEqual([405, 'method-not-allowed']);
    }
  },
);

it('header fields of proxies have no effect', async () => {
  const headers = {
    'x-forwarded-for': '10.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': 'evil.example',
    forwarded: 'for=10.0.0.1;host=evil.example',
    'x-http-method-override': 'DELETE',
    'x-ssl-client-verify': 'SUCCESS',
    'x-ssl-client-s-dn': 'CN=admin',
    'x-request-id': 'mine',
    'x-original-url': '/v1/tokens',
    'x-rewrite-url': '/v1/tokens',
  };
  const without = await service.call('GET', '/v1/tokens', { headers });
  expect(without.status).toBe(401);
  const answer = await service.call('GET', '/v1/fleets', { token: service.admin, headers });
  expect(answer.json().items[0].name).toBe('demo');
  expect(answer.headers['x-request-id']).not.toBe('mine');
  expect(service.log()).not.toContain('10.0.0.1');
  expect(service.log()).not.toContain('evil.example');
});

it('one request is one line of the log, whatever its path holds', async () => {
  const linesOf = (part: string) =>
    service
      .log()
      .split('\n')
      .filter((line) => line.includes(part));
  await service.call('GET', '/v1/fleets/%0d%0a%7b%22level%22%3a%22fatal%22%7d%1b[2J', {
    token: service.admin,
  });
  await expect.poll(() => linesOf('%0d%0a').length).toBe(1);
  const [line = ''] = linesOf('%0d%0a');
  expect(JSON.parse(line)).toMatchObject({ level: 'info', code: 'not-found' });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
  expect(line).not.toMatch(/[\0-\x1f]/);
});

it('an answer has the headers that keep a browser from misusing it', async () => {
  const { headers } = await service.call('GET', '/v1/fleets', { token: service.admin });
  expect(headers['x-content-type-options']).toBe('nosniff');
  expect(headers['strict-transport-security']).toMatch(/^max-age=31536000/);
  expect(headers['x-powered-by']).toBeUndefined();
  expect(headers['access-control-allow-origin']).toBeUndefined();
});
