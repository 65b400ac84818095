import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { FIRST_BOOT, type Gateway, parseTrust, startGateway } from '../../src/gateway/index.ts';
import { callAsDevice, type DeviceCall, keepingAgent } from '../support/call-as-device.ts';
import { type Made, makeCertificate, makeShop } from '../support/gateway-shop.ts';
import { makeCrl } from '../support/openssl-crl.ts';

const shop = makeShop();
const { root, line, serverRoot } = shop;
const trustOf = (...made: readonly Made[]) =>
  parseTrust({ trusted: made.map(({ pem }) => pem).join(''), crls: null });
const identity = { key: shop.server.key.pkcs8Pem, certificate: shop.server.pem };
let gateway: Gateway;

const start = (trust = trustOf(root)): Promise<Gateway> =>
  startGateway({ host: '127.0.0.1', port: 0, identity, trust, clock: systemClock });

/** A call with a leaf and what is presented after it. */
const call = (to: Gateway, leaf: Made, above: readonly Made[], wish: DeviceCall = {}) =>
  callAsDevice(
    to.port,
    {
      chain: [leaf, ...above].map(({ pem }) => pem).join(''),
      key: leaf.key.pkcs8Pem,
      root: serverRoot.pem,
    },
    wish,
  );

beforeAll(async () => {
  gateway = await start();
});
afterAll(() => gateway.close());

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('over %s the gateway', (version) => {
  it('lets a device in, and hands its ID on as ota-ce does', async () => {
    const { status, headers, protocol, text } = await call(gateway, shop.device('VIN-0001'), [line], {
      version,
    });
    expect([status, protocol, text]).toEqual([200, version, 'VIN-0001\n']);
    expect(headers).toMatchObject({ 'x-ats-device-uuid': 'VIN-0001', 'x-ats-namespace': 'default' });
  });

  it('finishes the handshake with whom it refuses, and answers 400', async () => {
    const other = makeShop();
    const { status, text, headers } = await call(gateway, other.device('VIN-0001'), [other.line], {
      version,
    });
    expect(status).toBe(400);
    expect(text).toMatch(/^The SSL certificate error: .*\[UNABLE_TO_GET_ISSUER_CERT_LOCALLY\]\n$/);
    expect(headers.connection).toBe('close');
  });

  it('answers 400 to a client without a certificate', async () => {
    const { status, text } = await callAsDevice(gateway.port, { root: serverRoot.pem }, { version });
    expect([status, text]).toEqual([400, 'No required SSL certificate was sent\n']);
  });
});

describe('the gateway refuses', () => {
  const rows: readonly (readonly [string, string, () => readonly Made[]])[] = [
    [
      'leaf only, where it trusts the root alone',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      () => [shop.device('a')],
    ],
    ['an expired device', 'CERT_HAS_EXPIRED', () => [shop.device('a', { fromDays: -9, toDays: -1 }), line]],
    ['one that is not yet valid', 'CERT_NOT_YET_VALID', () => [shop.device('a', { fromDays: 2 }), line]],
    [
      'one for servers alone',
      'INVALID_PURPOSE',
      () => [shop.device('a', { purposes: ['serverAuth'] }), line],
    ],
    [
      'a proof leaf with EKU critical emailProtection alone',
      'INVALID_PURPOSE',
      () => [shop.device('a', { purposes: ['emailProtection'] }), line],
    ],
    [
      'keyUsage keyEncipherment alone',
      'INVALID_PURPOSE',
      () => [shop.device('a', { usages: ['keyEncipherment'] }), line],
    ],
    [
      'an unknown critical extension',
      'UNSPECIFIED',
      () => [
        shop.device('a', { more: [{ oid: '1.2.3.4', critical: true, value: Uint8Array.of(5, 0) }] }),
        line,
      ],
    ],
    [
      'a path that is too long',
      'PATH_LENGTH_EXCEEDED',
      () => {
        const below = makeCertificate({ subject: 'below', issuer: line, ca: true });
        return [shop.device('a', { issuer: below }), below, line];
      },
    ],
    [
      'a root of the same name with another key',
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      () => {
        const { line: forged, device } = makeShop();
        return [device('a'), forged];
      },
    ],
  ];

  it.each(rows)('%s, with %s', async (_what, code, presented) => {
    const [leaf, ...above] = presented();
    const { status, text } = await call(gateway, leaf as Made, above);
    expect([status, text]).toEqual([400, expect.stringContaining(`[${code}]`)]);
  });

  it('and says which certificate of the chain it is, and what of it', async () => {
    const { text } = await call(gateway, shop.device('a', { fromDays: -9, toDays: -1 }), [line]);
    expect(text).toContain('certificate 1 of the chain has expired');
  });

  it('section 6, depth 10: ten intermediates pass, eleven do not', async () => {
    const made = [makeCertificate({ subject: 'ca 0', issuer: root, ca: true })];
    for (let i = 1; i < 11; i++) {
      made.unshift(makeCertificate({ subject: `ca ${i}`, issuer: made[0] as Made, ca: true }));
    }
    const ten = await call(gateway, shop.device('ten', { issuer: made[1] as Made }), made.slice(1));
    const eleven = await call(gateway, shop.device('eleven', { issuer: made[0] as Made }), made);
    expect(ten.status).toBe(200);
    expect(eleven).toMatchObject({ status: 400, text: expect.stringContaining('[CERT_CHAIN_TOO_LONG]') });
  });
});

describe('what the gateway trusts', () => {
  it('decides whether a leaf alone passes: with root and intermediate it does', async () => {
    const open = await start(trustOf(root, line));
    expect((await call(open, shop.device('a'), [])).status).toBe(200);
    await open.close();
  });

  it('is not enough where it is the intermediate alone', async () => {
    const open = await start(trustOf(line));
    const { text } = await call(open, shop.device('a'), [line]);
    expect(text).toContain('[UNABLE_TO_GET_ISSUER_CERT]');
    await open.close();
  });

  it('refuses every device under a root whose EKU is serverAuth alone', async () => {
    const bad = makeCertificate({ subject: 'manual', issuer: null, ca: true, purposes: ['serverAuth'] });
    const open = await start(trustOf(bad));
    const { text } = await call(open, shop.device('a', { issuer: bad }), []);
    expect(text).toContain('[INVALID_PURPOSE]');
    await open.close();
  });

  it('with CRLs refuses who is on one, and of another fleet for that and not for a missing CRL', async () => {
    const revoked = shop.device('VIN-0005');
    const crls = makeCrl(root, []) + makeCrl(line, [revoked]);
    const open = await start(parseTrust({ trusted: root.pem, crls }));
    const other = makeShop();
    const code = async (leaf: Made, above: Made): Promise<string | undefined> =>
      /\[(\w+)\]/.exec((await call(open, leaf, [above])).text)?.[1];
    expect(await code(shop.device('VIN-0006'), line)).toBeUndefined();
    expect(await code(revoked, line)).toBe('CERT_REVOKED');
    expect(await code(other.device('VIN-0005'), other.line)).toBe('UNABLE_TO_GET_ISSUER_CERT_LOCALLY');
    await open.close();
  });

  it('changes without a dropped connection; one that is open is answered, and asked to come again', async () => {
    const open = await start(trustOf(root));
    const agent = keepingAgent();
    const leaf = shop.device('VIN-0002');
    const ask = () => call(open, leaf, [line], { agent });
    const [first, second] = [await ask(), await ask()];
    expect(second.localPort).toBe(first.localPort);
    open.present(trustOf(makeShop().root));
    const third = await ask();
    expect([third.status, third.localPort, third.headers.connection]).toEqual([
      200,
      first.localPort,
      'close',
    ]);
    expect((await ask()).status).toBe(400);
    expect(open.roll.devices()).toMatchObject([{ deviceId: 'VIN-0002', state: 'refused' }]);
    open.present(trustOf(root));
    expect((await ask()).status).toBe(200);
    expect(open.roll.devices()).toMatchObject([{ deviceId: 'VIN-0002', state: 'online' }]);
    agent.destroy();
    await open.close();
  });
});

describe('a device', () => {
  it('comes online with the calls of a first boot', async () => {
    const leaf = shop.device('VIN-0003');
    const boot = [
      ['POST', '/director/ecus'],
      ['PUT', '/system_info'],
      ['PUT', '/core/installed'],
      ['PUT', '/system_info/network'],
      ['POST', '/system_info/config'],
      ['PUT', '/director/manifest'],
      ['GET', '/director/1.root.json'],
    ] as const;
    for (const [method, path] of boot) await call(gateway, leaf, [line], { method, path, body: '{}' });
    const seen = gateway.roll.devices().find(({ deviceId }) => deviceId === 'VIN-0003');
    expect(seen).toMatchObject({ state: 'online', connections: 7, calls: 7, routes: FIRST_BOOT });
    expect(seen?.warnings).toEqual([expect.stringContaining('report_config')]);
  });

  it('is told that a body is too large', async () => {
    const body = Buffer.alloc(1024 * 1024 + 1);
    const wish = { method: 'POST', path: '/events', body };
    const answered = await call(gateway, shop.device('VIN-0004'), [line], wish).then(
      ({ status }) => status,
      () => 'cut',
    );
    expect([413, 'cut']).toContain(answered);
  });

  it('that speaks plain HTTP, or does not trust the gateway, is listed with the reason', async () => {
    await fetch(`http://127.0.0.1:${gateway.port}/`).catch(() => undefined);
    const how = ['-connect', `127.0.0.1:${gateway.port}`, '-no-CAfile', '-no-CApath', '-verify_return_error'];
    const client = spawn('openssl', ['s_client', ...how], { stdio: 'ignore' });
    await once(client, 'exit');
    const codes = gateway.roll.refusals().map(({ code }) => code);
    expect(codes).toContain('ERR_SSL_HTTP_REQUEST');
    expect(codes).toContain('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA');
  });
});
