import { X509Certificate } from 'node:crypto';
import { createServer, request, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectionFailure } from '../../src/cli/client/connection-failure.ts';
import { endpointOf, verifyInForce } from '../../src/cli/client/pin.ts';
import type { Trust } from '../../src/cli/client/settings.ts';
import { trustingAgent } from '../../src/cli/client/trusting-agent.ts';
import { LocalFailure } from '../../src/cli/local-failure.ts';
import { fingerprintOf, makeServiceCa, makeTlsCredentials } from '../../src/http/index.ts';
import { systemRandom } from '../../src/random.ts';
import { encodeCertificatePem } from '../../src/x509/index.ts';
import { memoryKeystore } from '../support/memory-keystore.ts';

interface Site {
  readonly server: Server;
  readonly url: URL;
  readonly caPem: string;
  readonly caPin: string;
  readonly leafPin: string;
  requests: number;
}

const onRecord = async (): Promise<void> => undefined;

async function openSite(names: readonly string[]): Promise<Site> {
  const keystore = memoryKeystore();
  const ca = await makeServiceCa(
    await keystore.generate('service-ca', 'ec-p256'),
    systemRandom,
    new Date(),
    onRecord,
  );
  const credentials = await makeTlsCredentials(ca, names, systemRandom, new Date(), onRecord);
  const site = { requests: 0 };
  const server = createServer({ key: credentials.key, cert: credentials.certificate }, (_req, res) => {
    site.requests++;
    res.end('hello');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(site, {
    server,
    url: new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}`),
    caPem: encodeCertificatePem(ca.certificate.der),
    caPin: fingerprintOf(ca.certificate.der),
    leafPin: fingerprintOf(new X509Certificate(credentials.certificate).raw),
  });
}

async function fetchText(url: URL, trust: Trust): Promise<string> {
  const agent = await trustingAgent({ url, trust, token: null });
  try {
    return await new Promise((resolve, reject) => {
      const { host, port } = endpointOf(url);
      const req = request({ agent, host, port, path: '/' }, (res) => {
        res.setEncoding('utf8').once('data', resolve);
      });
      req.once('error', reject);
      req.end();
    });
  } finally {
    agent.destroy();
  }
}

/** The code of the failure, in our words. */
async function refused(url: URL, trust: Trust): Promise<string> {
  try {
    await fetchText(url, trust);
  } catch (failure) {
    const explained = connectionFailure(failure, url, trust);
    if (explained instanceof LocalFailure) return explained.code;
    throw explained;
  }
  throw new Error('nothing was refused');
}

let site: Site;
let other: Site;
let misnamed: Site;

beforeAll(async () => {
  site = await openSite(['127.0.0.1']);
  other = await openSite(['127.0.0.1']);
  misnamed = await openSite(['elsewhere.example']);
});
afterAll(() => {
  for (const { server } of [site, other, misnamed]) server.close();
});

describe('a client that trusts', () => {
  it('the CA of the service, reaches it', async () => {
    expect(await fetchText(site.url, { kind: 'ca', file: 'ca', pem: site.caPem })).toBe('hello');
  });

  it('the fingerprint of that CA, reaches it', async () => {
    expect(await fetchText(site.url, { kind: 'pin', fingerprint: site.caPin })).toBe('hello');
  });

  it('the fingerprint of its own certificate, reaches it, whatever names are in it', async () => {
    expect(await fetchText(site.url, { kind: 'pin', fingerprint: site.leafPin })).toBe('hello');
    expect(await fetchText(misnamed.url, { kind: 'pin', fingerprint: misnamed.leafPin })).toBe('hello');
  });

  it('anything else, says nothing to whoever answers', async () => {
    const { requests } = site;
    expect(await refused(site.url, { kind: 'ca', file: 'ca', pem: other.caPem })).toBe('untrusted');
    expect(await refused(site.url, { kind: 'pin', fingerprint: other.caPin })).toBe('untrusted');
    expect(await refused(site.url, { kind: 'pin', fingerprint: other.leafPin })).toBe('untrusted');
    expect(await refused(site.url, { kind: 'system' })).toBe('untrusted');
    expect(site.requests).toBe(requests);
  });

  it('the CA, does not take its certificate for another name', async () => {
    expect(await refused(misnamed.url, { kind: 'pin', fingerprint: misnamed.caPin })).toBe('untrusted');
  });

  it('a CA that a stranger merely sends along, finds that it has not signed the stranger', async () => {
    const keystore = memoryKeystore();
    const ca = await makeServiceCa(
      await keystore.generate('ca', 'ec-p256'),
      systemRandom,
      new Date(),
      onRecord,
    );
    const own = await makeTlsCredentials(ca, ['127.0.0.1'], systemRandom, new Date(), onRecord);
    const [leaf] = own.certificate.split(/(?<=-----END CERTIFICATE-----\n)/);
    const stranger = createServer({ key: own.key, cert: `${leaf}${site.caPem}` }, (_req, res) =>
      res.end('no'),
    );
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
    const url = new URL(`https://127.0.0.1:${(stranger.address() as AddressInfo).port}`);
    expect(await refused(url, { kind: 'pin', fingerprint: site.caPin })).toBe('untrusted');
    stranger.close();
  });

  it('a certificate by its fingerprint, wants it to be in force', () => {
    const certificate = new X509Certificate(site.caPem);
    expect(() => verifyInForce(certificate.raw, new Date())).not.toThrow();
    expect(() => verifyInForce(certificate.raw, new Date('2100-01-01'))).toThrow(LocalFailure);
    expect(() => verifyInForce(certificate.raw, new Date('2000-01-01'))).toThrow(LocalFailure);
  });
});
