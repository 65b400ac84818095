import { once } from 'node:events';
import { createServer as createHttpsServer, type ServerOptions } from 'node:https';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterAll, describe, expect, it } from 'vitest';
import { OID } from '../../src/asn1/index.ts';
import { checkBundle, tryGateway, tryLocally } from '../../src/check/index.ts';
import { systemClock } from '../../src/clock.ts';
import { parseTrust, startGateway } from '../../src/gateway/index.ts';
import { encodeSubjectAltName, parseForeignCertificate } from '../../src/x509/index.ts';
import { seededRandom } from '../support/fixed.ts';
import { ca, cn, ecPair, extension, type Issued, leaf, pem, pkcs8, purposes, usage } from './certify.ts';
import { plain } from './world.ts';

// Servers and clients of TLS go by the real clock.
const dates = { notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('2090-01-01T00:00:00Z') };
const keys = ecPair();
const fleet = ca('probed fleet', dates);
const stranger = ca('another fleet', dates);
const serverRoot = ca('server root', dates);
const serverKeys = ecPair();
const serverFor = (name: string | Uint8Array): Issued =>
  leaf(serverRoot, serverKeys, {
    ...dates,
    subject: cn('gateway'),
    extensions: [
      usage(['digitalSignature']),
      purposes(['serverAuth']),
      extension(OID.subjectAltName, encodeSubjectAltName([name]), false),
    ],
  });
const here = serverFor(Uint8Array.of(127, 0, 0, 1));
const device = leaf(fleet, keys, dates);
const alien = leaf(stranger, keys, dates);

const closers: (() => unknown)[] = [];
afterAll(() => Promise.all(closers.map((close) => close())));

async function listen(server: Server): Promise<URL> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  return new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

const gateway = (options: ServerOptions, own: Issued = here): Promise<URL> =>
  listen(
    createHttpsServer(
      { key: pkcs8(serverKeys), cert: pem(own), ca: pem(fleet), ...options },
      (_req, res) => void res.end('hello'),
    ) as unknown as Server,
  );

const MUTUAL = { requestCert: true, rejectUnauthorized: true } as const;

function judged(certificate: Issued, root: Issued = serverRoot, trust: Issued | null = null) {
  return checkBundle({
    files: plain({
      'client.pem': pem(certificate),
      'pkey.pem': pkcs8(keys),
      'root.crt': pem(root),
      'gateway.url': 'https://127.0.0.1:1',
    }),
    target: 'generic',
    trust: trust && [parseForeignCertificate(trust.der)],
    passphrase: '',
    now: systemClock.now(),
  });
}

const around = { clock: systemClock, random: seededRandom('probe') };
async function found(url: URL, bundle = judged(device)): Promise<readonly string[]> {
  const { findings } = await tryGateway(bundle, url, around);
  return findings
    .filter(({ code }) => /^gateway-|^handshake/.test(code))
    .map(({ severity, code }) => `${severity} ${code}`);
}

describe('a check that calls the gateway', () => {
  it('sees that a gateway lets the device in, and which CAs it names', async () => {
    const { findings, verdict, outcome } = await tryGateway(judged(device), await gateway(MUTUAL), around);
    expect(verdict).toBe('pass');
    expect(outcome.gateway).toMatch(/^It lets the device in as [0-9a-f-]{36}\.$/);
    const said = findings.find(({ code }) => code === 'gateway-accepts');
    expect(said?.message).toContain('TLSv1.2 and TLSv1.3');
    expect(findings.find(({ code }) => code === 'gateway-ca-names')?.message).toContain('CN=probed fleet');
  });

  it('tells the alert of one that refuses it, over both versions', async () => {
    const { findings, verdict } = await tryGateway(judged(alien), await gateway(MUTUAL), around);
    const refusals = findings.filter(({ code }) => code === 'gateway-refuses').map(({ message }) => message);
    expect(verdict).toBe('fail');
    expect(refusals).toHaveLength(2);
    expect(findings.map(({ code }) => code)).toContain('gateway-ca-not-named');
  });

  it('section 8, TLS without registration: tells what one says that refuses it in HTTP, as nginx does', async () => {
    const reference = await startGateway({
      host: '127.0.0.1',
      port: 0,
      identity: { key: pkcs8(serverKeys), certificate: pem(here) },
      trust: parseTrust({ trusted: pem(fleet), crls: null }),
      clock: systemClock,
    });
    closers.push(() => reference.close());
    const { findings } = await tryGateway(judged(alien), new URL(reference.url), around);
    const refusals = findings.filter(({ code }) => code === 'gateway-refuses');
    expect(refusals).toHaveLength(2);
    for (const { message } of refusals) expect(message).toContain('HTTP 400: The SSL certificate error');
    expect(await found(new URL(reference.url))).toEqual(['note gateway-accepts', 'note gateway-ca-names']);
  });

  it('finds one that asks for certificates and does not verify them', async () => {
    const url = await gateway({ requestCert: true, rejectUnauthorized: false });
    // It also answers who presents none, which says more.
    expect(await found(url)).toContain('warn gateway-lets-anyone-in');
  });

  it('finds one that demands a certificate, of anybody', async () => {
    const server = createHttpsServer(
      { key: pkcs8(serverKeys), cert: pem(here), requestCert: true, rejectUnauthorized: false },
      (_req, res) => void res.end('hello'),
    );
    server.prependListener('secureConnection', (socket) => {
      if (!socket.getPeerCertificate().raw) socket.destroy();
    });
    expect(await found(await listen(server as unknown as Server))).toContain('warn gateway-only-asks');
  });

  it('finds one that asks for none', async () => {
    expect(await found(await gateway({}))).toContain('warn gateway-lets-anyone-in');
  });

  it('section 9, root.crt that does not: the server is trusted by root.crt alone', async () => {
    expect(await found(await gateway(MUTUAL), judged(device, stranger))).toEqual([
      'fail gateway-not-trusted',
    ]);
  });

  it('sees that the server is another than the URL names', async () => {
    expect(await found(await gateway(MUTUAL, serverFor('elsewhere.example')))).toEqual([
      'fail gateway-other-name',
    ]);
  });

  it('sees that a server speaks no TLS', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined).end('HTTP/1.1 400 Bad Request\r\n\r\n');
    });
    expect(await found(await listen(server))).toEqual(['fail gateway-no-tls']);
  });

  it('sees that nobody is there', async () => {
    const url = await listen(createServer());
    await closers.pop()?.();
    expect(await found(url)).toEqual(['fail gateway-unreachable']);
  });

  it('sees that a gateway speaks one version alone', async () => {
    const said = await found(await gateway({ ...MUTUAL, minVersion: 'TLSv1.3' }));
    expect(said).toContain('note gateway-one-version');
    expect(said).toContain('note gateway-accepts');
  });
});

describe('a check with a gateway on this machine', () => {
  const codes = async (certificate: Issued, trust: Issued | null) =>
    (await tryLocally(judged(certificate, serverRoot, trust), around)).findings
      .filter(({ code }) => code.startsWith('gateway-'))
      .map(({ severity, code }) => `${severity} ${code}`);

  it('lets in a device whose root it trusts, and refuses another', async () => {
    expect(await codes(device, fleet)).toEqual(['note gateway-accepts']);
    expect(await codes(alien, fleet)).toEqual(['fail gateway-refuses', 'fail gateway-refuses']);
  });

  it('does not judge where nobody told what the gateway trusts', async () => {
    expect(await codes(device, null)).toEqual([]);
  });
});
