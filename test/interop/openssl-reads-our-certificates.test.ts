import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { TARGETS } from '../../src/policy/index.ts';
import {
  checkChain,
  encodeCertificatePem,
  KEY_ALGORITHMS,
  parseCertificate,
  readBack,
} from '../../src/x509/index.ts';
import { makeKey, type TestKeyKind } from '../support/csr.ts';
import { hierarchy } from '../support/hierarchy.ts';

const folder = mkdtempSync(join(tmpdir(), 'fleetca-openssl-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** What `openssl verify` says of a leaf with its intermediates under a root. */
function verify(root: Uint8Array, chain: readonly Uint8Array[], ...flags: string[]): string {
  const anchor = file('root.pem', encodeCertificatePem(root));
  const client = file('client.pem', chain.map(encodeCertificatePem).join(''));
  const result = spawnSync(
    'openssl',
    ['verify', ...flags, '-purpose', 'sslclient', '-CAfile', anchor, '-untrusted', client, client],
    { encoding: 'utf8' },
  );
  return result.status === 0 ? 'OK' : result.stdout + result.stderr;
}

const text = (der: Uint8Array): string =>
  execFileSync(
    'openssl',
    ['x509', '-inform', 'DER', '-noout', '-text', '-nameopt', 'RFC2253,utf8,-esc_msb'],
    {
      input: der,
      encoding: 'utf8',
    },
  );

const now = new Date();
const { authority, device } = hierarchy(now);

describe('OpenSSL, strict, takes every chain of the default profiles', () => {
  for (const target of TARGETS) {
    it(`of target ${target}: leaf under an issuing authority, and straight under the root`, async () => {
      const root = await authority(target, 'fleet-root', 'Flotte Süd');
      const issuing = await authority(target, 'issuing', 'Flotte Süd line-7 G1', 'ec-p256', root);
      const id = target === 'ota-ce' ? '0f8fad5b-d9cb-469f-a165-70867728950e' : 'WVWZZZ1JZXW000001';
      const leaf = await device(issuing, id, makeKey(), target);
      expect(verify(root.certificate.der, [leaf, issuing.certificate.der], '-x509_strict')).toBe('OK');
      const direct = await device(root, id, makeKey(), target);
      expect(verify(root.certificate.der, [direct], '-x509_strict')).toBe('OK');
      expect(
        checkChain(
          [leaf, issuing.certificate.der, root.certificate.der].map(parseCertificate),
          'clientAuth',
          now,
        ),
      ).toEqual([]);
    });
  }

  for (const algorithm of KEY_ALGORITHMS) {
    it(`with authorities' keys of kind ${algorithm}`, async () => {
      const root = await authority('generic', 'fleet-root', 'demo', algorithm);
      const issuing = await authority('generic', 'issuing', 'demo line G1', algorithm, root);
      const leaf = await device(issuing, 'device-1', makeKey());
      expect(verify(root.certificate.der, [leaf, issuing.certificate.der], '-x509_strict')).toBe('OK');
    });
  }

  for (const kind of ['P-256', 'P-384', 'P-521', 'rsa-2048', 'rsa-3072', 'ed25519'] as TestKeyKind[]) {
    it(`with device keys of kind ${kind}, and a second reader sees the same`, async () => {
      const root = await authority('generic', 'fleet-root', 'demo');
      const leaf = await device(root, 'device-1', makeKey(kind));
      expect(verify(root.certificate.der, [leaf], '-x509_strict')).toBe('OK');
      const ours = parseCertificate(leaf);
      const theirs = await readBack(leaf);
      expect(theirs.serial).toBe(Buffer.from(ours.serial).toString('hex'));
      expect(Buffer.compare(theirs.publicKey, ours.publicKey.spki)).toBe(0);
      expect(theirs.notAfter).toEqual(ours.notAfter);
      expect(theirs.purposes).toEqual(['1.3.6.1.5.5.7.3.2']);
      expect(theirs.ca).toBe(false);
    });
  }
});

describe('the shapes of the OTA contract, as OpenSSL prints them', () => {
  it('section 5, fleet root and serverAuth with clientAuth: the default root has all three extensions critical, and both purposes', async () => {
    const root = await authority('ota-connect', 'fleet-root', 'demo');
    const printed = text(root.certificate.der);
    expect(printed).toMatch(/Basic Constraints: critical\s+CA:TRUE\n/);
    expect(printed).toMatch(/X509v3 Key Usage: critical\s+Certificate Sign, CRL Sign\n/);
    expect(printed).toMatch(
      /Extended Key Usage: critical\s+TLS Web Server Authentication, TLS Web Client Authentication\n/,
    );
    expect(printed).toMatch(/Subject: CN=demo\n/);
    const days = (root.certificate.notAfter.getTime() - now.getTime()) / 86_400_000;
    expect(Math.round(days)).toBe(3650);
  });

  it("section 5, EKU serverAuth alone: the OTA Connect manual's root comes out exactly, and fails client authentication as measured", async () => {
    const root = await authority('ota-connect', 'ota-connect-manual-root', 'demo');
    const extensions = text(root.certificate.der).split('X509v3 extensions:')[1] ?? '';
    expect(extensions.match(/X509v3 [^:]+:.*/g)?.map((line) => line.trim())).toEqual([
      'X509v3 Basic Constraints:',
      'X509v3 Key Usage:',
      'X509v3 Extended Key Usage: critical',
    ]);
    const leaf = await device(root, 'device-1', makeKey());
    expect(verify(root.certificate.der, [leaf])).toMatch(
      /error 26 at 1 depth lookup: unsuitable certificate purpose|unsupported certificate purpose/,
    );
    expect(checkChain([leaf, root.certificate.der].map(parseCertificate), 'clientAuth', now)).toEqual([
      'certificate 2 of the chain is not for clientAuth',
    ]);
  });

  it("ota-community-edition's root comes out exactly, and works there", async () => {
    const root = await authority('ota-ce', 'ota-ce-manual-root', 'demo');
    const leaf = await device(root, '0f8fad5b-d9cb-469f-a165-70867728950e', makeKey(), 'ota-ce');
    expect(verify(root.certificate.der, [leaf])).toBe('OK');
    expect(text(root.certificate.der)).toMatch(
      /Extended Key Usage: critical\s+TLS Web Client Authentication\n/,
    );
  });

  it('section 5, intermediate and device: an issuing authority has pathlen 0 and no purposes; a device certificate says what the contract says', async () => {
    const root = await authority('generic', 'fleet-root', 'demo');
    const issuing = await authority('generic', 'issuing', 'demo line G1', 'ec-p256', root);
    const printed = text(issuing.certificate.der);
    expect(printed).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0\n/);
    expect(printed).not.toMatch(/Extended Key Usage/);
    const leaf = text(await device(issuing, 'VIN äöü 1', makeKey()));
    expect(leaf).toMatch(/Subject: CN=VIN äöü 1\n/);
    expect(leaf).toMatch(/Key Usage: critical\s+Digital Signature\n/);
    expect(leaf).toMatch(/Extended Key Usage: critical\s+TLS Web Client Authentication\n/);
    expect(leaf).not.toMatch(/Basic Constraints/);
    expect(leaf).toMatch(/Subject Key Identifier/);
    expect(leaf).toMatch(/Authority Key Identifier/);
  });
});
