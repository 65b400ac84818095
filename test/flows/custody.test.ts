/** Keys of authorities in a token: the service's whole work with them, and the token gone in the middle of a lot. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { isLeftOut } from '../support/counterpart.ts';
import {
  makeAuthority,
  makeDevice,
  makeFleet,
  requestCertificate,
  rowOf,
  type TestFleet,
} from '../support/fleet.ts';
import { opensslFolder } from '../support/openssl.ts';
import { type Service, scratchFolder, startRefused, startService, stopSound } from '../support/service.ts';
import {
  makeSoftToken,
  P11_KIT_CLIENT,
  SERVER_TOOLS,
  SOFTHSM,
  serveToken,
  TOKEN_LABEL,
  TOKEN_PIN,
  TOKEN_TOOLS,
} from '../support/soft-token.ts';

interface Line {
  readonly deviceId: string;
  readonly status: string;
  readonly certificate?: string;
  readonly problem?: { readonly code: string; readonly retryable: boolean };
  readonly summary?: unknown;
}

const flagsFor = (module: string, pinFile: string) => ({
  pkcs11Module: module,
  pkcs11TokenLabel: TOKEN_LABEL,
  pkcs11PinFile: pinFile,
});

async function sendLot(
  service: Service,
  { name, tokens }: TestFleet,
  id: string,
  body: string,
): Promise<Line[]> {
  const answer = await service.call('POST', `/v1/fleets/${name}/batches`, {
    token: tokens.station,
    type: 'application/x-ndjson',
    headers: { 'idempotency-key': id },
    body,
  });
  const lines = answer.text().trim().split('\n');
  return lines.map((line): Line => JSON.parse(line)).filter(({ status }) => typeof status === 'string');
}

const readiness = async (service: Service) => {
  const answer = await service.call('GET', '/readyz');
  return { status: answer.status, ...answer.json() };
};

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    if (await holds()) return;
    await sleep(20);
  }
  throw new Error('it did not come to hold');
}

describe.skipIf(TOKEN_TOOLS.some(isLeftOut))('root and issuing key in a token', () => {
  const token = makeSoftToken(scratchFolder());
  const data = scratchFolder();
  let service: Service | undefined;
  const openssl = opensslFolder();
  afterAll(async () => {
    openssl.remove();
    await stopSound(service);
  });

  it('issue a lot, sign CRLs and registration credentials, and do so after a restart', async () => {
    const start = () => startService({ data, flags: flagsFor(SOFTHSM, token.pinFile), env: token.env });
    service = await start();
    expect(await readiness(service)).toEqual({ status: 'ready' });
    const fleet = await makeFleet(service, 'line', {
      root: { key: 'token', keyAlgorithm: 'ec-p384' },
      issuing: false,
    });
    token.tool('--keypairgen', '--key-type', 'rsa:3072', '--id', 'a7', '--label', 'line key');
    const security = fleet.tokens.security;
    await makeAuthority(service, 'line', security, {
      name: 'line-7',
      kind: 'issuing',
      key: 'token',
      tokenKey: 'line key',
    });
    // Both kinds in one service, and in one fleet.
    await makeAuthority(service, 'line', security, { name: 'line-8', kind: 'issuing' });
    await makeAuthority(service, 'line', security, { name: 'reg', kind: 'registration', key: 'token' });
    const { items } = (await service.call('GET', '/v1/fleets/line/authorities', { token: security })).json();
    expect(items.map(({ name, key, keyPlace }: Record<string, string>) => [name, key, keyPlace])).toEqual([
      ['root', 'EC P-384', 'token'],
      ['line-7', 'RSA 3072', 'token'],
      ['line-8', 'EC P-256', 'file'],
      ['reg', 'EC P-256', 'token'],
    ]);

    const devices = Array.from({ length: 150 }, (_, n) => makeDevice(`unit-${n}`));
    const body = devices.map(({ csr }) => rowOf(csr)).join('');
    const answer = await service.call('POST', '/v1/fleets/line/batches?authority=line-7', {
      token: fleet.tokens.station,
      type: 'application/x-ndjson',
      body,
    });
    const rows = answer
      .text()
      .trim()
      .split('\n')
      .slice(0, -1)
      .map((line): Line => JSON.parse(line));
    expect(rows.map(({ status }) => status)).toEqual(devices.map(() => 'issued'));

    const { write, attempt } = openssl;
    write('bundle.pem', (await service.call('GET', '/pki/line/trust-bundle.pem')).text());
    write('root.pem', (await service.call('GET', '/pki/line/fleet-root.pem')).text());
    write('leaf.pem', String(rows[0]?.certificate));
    const chain = ['-CAfile', 'root.pem', '-untrusted', 'bundle.pem'];
    const verified = attempt('verify', ...chain, '-purpose', 'sslclient', 'leaf.pem');
    expect(verified).toEqual({ status: 0, printed: 'leaf.pem: OK\n' });

    const revoked = await service.call('POST', '/v1/fleets/line/devices/unit-0/revoke', {
      token: security,
      json: { reason: 'keyCompromise' },
    });
    expect(revoked.status).toBe(200);
    await stopSound(service);
    service = await start();
    const running = service;
    await until(async () => {
      write('crls.pem', (await running.call('GET', '/pki/line/crls.pem')).text());
      const judged = attempt('verify', ...chain, '-CRLfile', 'crls.pem', '-crl_check', 'leaf.pem');
      return judged.printed.includes('certificate revoked');
    });
    const after = makeDevice('after-restart');
    const one = await requestCertificate(service, fleet, { body: after.csr, query: '?authority=line-7' });
    expect(one.status).toBe(201);
    expect(service.log()).not.toContain(TOKEN_PIN);
  });

  it('a key that the token has not, or that contradicts itself, is refused and leaves nothing', async () => {
    const running = service as Service;
    const admin = { token: running.admin };
    await running.call('POST', '/v1/fleets', { ...admin, json: { name: 'other', target: 'generic' } });
    const security = (
      await running.call('POST', '/v1/tokens', { ...admin, json: { name: 's', role: 'security' } })
    ).json().token;
    const create = async (json: object) => {
      const path = '/v1/fleets/other/authorities';
      const answer = await running.call('POST', path, {
        token: security,
        json: { name: 'root', kind: 'root', ...json },
      });
      return [answer.status, answer.json().code];
    };
    expect(await create({ key: 'token', tokenKey: 'nobody' })).toEqual([400, 'bad-request']);
    expect(await create({ tokenKey: 'line key' })).toEqual([400, 'bad-json']);
    expect(await create({ key: 'token', keyAlgorithm: 'ed25519' })).toEqual([422, 'algorithm-not-allowed']);
    // A key has one authority.
    expect(await create({ key: 'token', tokenKey: 'line key' })).toEqual([409, 'key-of-a-ca']);
    expect(token.tool('--list-objects', '--type', 'privkey').match(/label:/g)).toHaveLength(3);
  });

  it('a key that is destroyed is gone from the token, both halves, and no other is', async () => {
    const { call, admin } = service as Service;
    const auth = await call('POST', '/v1/tokens', { token: admin, json: { name: 'd', role: 'security' } });
    const security = { token: auth.json().token };
    const path = '/v1/fleets/line/authorities/line-7/generations';
    const lost = { reason: 'a drill', withdrawal: 'now', cutsOff: 200 };
    expect((await call('POST', `${path}/1/compromise`, { ...security, json: lost })).status).toBe(200);
    const { fingerprint } = (await call('GET', path, security)).json().generations[0];
    const json = { reason: 'a drill', fingerprint };
    const answer = await call('POST', `${path}/1/destroy`, { ...security, json });
    expect(answer.json()).toMatchObject({ keyState: 'destroyed', state: 'compromised' });
    expect(token.tool('--list-objects')).not.toContain('line key');
    expect(token.tool('--list-objects', '--type', 'privkey').match(/label:/g)).toHaveLength(2);
  });

  it('a service that is told of no token names the keys, and does not start', async () => {
    await stopSound(service);
    service = undefined;
    const { message } = await startRefused({ data });
    expect(message).toMatch(/no token is configured: line\.root\.[0-9a-f]{12}\.token/);
  });
});

describe.skipIf([...TOKEN_TOOLS, ...SERVER_TOOLS].some(isLeftOut))('a token that is killed', () => {
  const token = makeSoftToken(scratchFolder());
  const server = serveToken(token);
  const data = scratchFolder();
  let service: Service | undefined;
  afterAll(async () => {
    await stopSound(service);
    await server.kill();
  });
  const start = () => startService({ data, flags: flagsFor(P11_KIT_CLIENT, token.pinFile), env: server.env });

  it('in the middle of a lot: its rows fail as retryable, and the same lot again gives each one certificate', {
    timeout: 240_000,
  }, async () => {
    await server.start();
    service = await start();
    const running = service;
    const fleet = await makeFleet(service, 'line', { root: { key: 'token' }, issuing: false });
    const devices = Array.from({ length: 1500 }, (_, n) => makeDevice(`unit-${n}`));
    const body = devices.map(({ csr }) => rowOf(csr)).join('');
    const held = new Map<string, string>();
    const take = (lines: readonly Line[]): number => {
      for (const { deviceId, certificate, status, problem } of lines) {
        if (certificate !== undefined) {
          expect(held.get(deviceId) ?? certificate).toBe(certificate);
          held.set(deviceId, certificate);
        } else
          expect([status, problem?.code, problem?.retryable]).toEqual(['failed', 'signer-unavailable', true]);
      }
      return lines.filter(({ status }) => status === 'failed').length;
    };

    const sending = sendLot(service, fleet, 'lot', body);
    const list = '/v1/fleets/line/certificates?limit=1';
    await until(
      async () => (await running.call('GET', list, { token: fleet.tokens.auditor })).json().items.length > 0,
    );
    await server.kill();
    const failed = take(await sending);
    expect(failed).toBeGreaterThan(0);

    // What needs no signature goes on; what does is refused, and says when to ask again.
    const late = makeDevice('late');
    const refused = await requestCertificate(service, fleet, { body: late.csr });
    expect([refused.status, refused.json().code]).toEqual([503, 'signer-unavailable']);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect((await service.call('GET', '/pki/line/crls.pem')).status).toBe(200);
    expect(await readiness(service)).toMatchObject({ status: 503, code: 'signer-unavailable' });

    await server.start();
    await until(async () => (await readiness(running)).status === 'ready');
    expect(take(await sendLot(service, fleet, 'lot', body))).toBe(0);
    expect(held.size).toBe(devices.length);
    expect((await requestCertificate(service, fleet, { body: late.csr })).status).toBe(201);
    await stopSound(service);
    service = undefined;
  });

  it('at a start: the service answers, publishes, says why it does not sign, and signs when the token is there', async () => {
    await server.kill();
    service = await start();
    const running = service;
    expect((await service.call('GET', '/pki/line/crls.pem')).status).toBe(200);
    expect(await readiness(service)).toMatchObject({ status: 503, code: 'signer-unavailable' });
    await server.start();
    await until(async () => (await readiness(running)).status === 'ready');
    expect(service.log()).not.toContain(TOKEN_PIN);
  });
});
