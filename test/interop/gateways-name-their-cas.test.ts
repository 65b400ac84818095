/** What `fleetca rotate acknowledge --probe` sees at gateways of several makes, and what it does not. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { OID } from '../../src/asn1/index.ts';
import { askWhetherAccepted } from '../../src/check/index.ts';
import { systemClock } from '../../src/clock.ts';
import { type GatewayKind, parseTrust, startGateway } from '../../src/gateway/index.ts';
import { encodeName } from '../../src/x509/index.ts';
import { isLeftOut } from '../support/counterpart.ts';
import { freePort, listening } from '../support/free-port.ts';
import { makeCertificate, makeShop } from '../support/gateway-shop.ts';
import { startRealGateway, startUpstream } from '../support/real-gateways.ts';
import { scratchFolder } from '../support/service.ts';

const shop = makeShop();
/** As a CA from elsewhere may be called; OpenSSL and we write such names each in another way. */
const odd = makeCertificate({
  subject: encodeName([
    { type: OID.countryName, value: 'DE' },
    { type: OID.serialNumber, value: '0815' },
    { type: OID.commonName, value: ' Flotte Süd, "Werk 7" + <x>; a=b \\ 語' },
  ]),
  issuer: null,
  ca: true,
});
const absent = makeShop().root.pem;
const trusted = shop.root.pem + shop.line.pem + odd.pem;
const SEEN = { accepts: true };
const NOT_NAMED = { accepts: false, why: expect.stringMatching(/^it names .*CN=fleet root/) };

const work = scratchFolder();
const file = (name: string, pem: string): string => {
  writeFileSync(join(work, name), pem, { mode: 0o600 });
  return join(work, name);
};
const closers: (() => unknown)[] = [];
afterAll(() => Promise.all(closers.map((close) => close())));

const ask = (port: number, certificate: string) => askWhetherAccepted('127.0.0.1', port, certificate);

/** Each of its CAs is seen, whatever it is called; another of the same name is not told from it. */
async function expectSeen(port: number): Promise<void> {
  for (const certificate of [shop.root.pem, shop.line.pem, odd.pem])
    expect(await ask(port, certificate)).toEqual(SEEN);
  const other = makeCertificate({ subject: 'line 7 G2', issuer: shop.root, ca: true });
  expect(await ask(port, other.pem)).toEqual(NOT_NAMED);
}

async function startServer(...args: readonly string[]): Promise<number> {
  const port = await freePort();
  const own = [
    '-cert',
    file('server.crt', shop.server.pem),
    '-key',
    file('server.key', shop.server.key.pkcs8Pem),
  ];
  const server: ChildProcess = spawn(
    'openssl',
    ['s_server', '-accept', `127.0.0.1:${port}`, '-www', ...own, ...args],
    { stdio: 'ignore' },
  );
  closers.push(() => server.kill());
  await listening(port);
  return port;
}

it('our gateway names what it trusts', async () => {
  const identity = { key: shop.server.key.pkcs8Pem, certificate: shop.server.pem };
  const trust = parseTrust({ trusted, crls: null });
  const gateway = await startGateway({ host: '127.0.0.1', port: 0, identity, trust, clock: systemClock });
  closers.push(() => gateway.close());
  await expectSeen(gateway.port);
});

describe.each(['nginx', 'haproxy'] satisfies GatewayKind[])('%s', (kind) => {
  it.skipIf(isLeftOut(kind))('names what it trusts, as fleetca has configured it', async () => {
    const upstream = await startUpstream();
    closers.push(() => upstream.close());
    const gateway = await startRealGateway(kind, { own: { trusted, crls: null } }, shop.server, upstream.url);
    closers.push(() => gateway.stop());
    await expectSeen(gateway.ports.own ?? 0);
  });
});

describe('openssl s_server', () => {
  it.each(['-tls1_2', '-tls1_3'])('names what it trusts over %s alone', async (version) => {
    await expectSeen(await startServer(version, '-Verify', '4', '-CAfile', file('trusted.pem', trusted)));
  });

  it('that names no CA leaves it to a person', async () => {
    const port = await startServer('-Verify', '4', '-verifyCAfile', file('trusted.pem', trusted));
    expect(await ask(port, shop.root.pem)).toEqual({
      accepts: false,
      why: expect.stringMatching(/^it asks for a certificate and names no CA: look at its file yourself/),
    });
  });
});

it('what asks for no certificate, and what does not answer, shows nothing', async () => {
  const server = createServer({ key: shop.server.key.pkcs8Pem, cert: shop.server.pem });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  expect(await ask(port, absent)).toEqual({
    accepts: false,
    why: 'it asks its clients for no certificate, or does not speak TLS',
  });
  expect(await ask(await freePort(), absent)).toEqual({
    accepts: false,
    why: 'it did not answer, or there is no openssl here',
  });
});
