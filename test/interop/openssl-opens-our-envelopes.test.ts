import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { parsePem } from '../../src/asn1/index.ts';
import { systemRandom } from '../../src/random.ts';
import { encodeEnvelopedData, openEnvelopes, parseRecipient } from '../../src/x509/index.ts';
import { makeKey, type TestKeyKind } from '../support/csr.ts';
import { opensslFolder } from '../support/openssl.ts';

const openssl = opensslFolder();
afterAll(() => openssl.remove());

const RECIPIENTS = {
  'rsa-2048': ['rsa:2048'],
  'rsa-3072': ['rsa:3072'],
  'P-256': ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  'P-384': ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
} as const;

/** A certificate that OpenSSL made for itself, DER. */
function makeRecipient(name: string, how: readonly string[]): Uint8Array {
  const files = ['-keyout', `${name}.key`, '-out', `${name}.crt`];
  openssl.run('req', '-x509', '-newkey', ...how, '-nodes', ...files, '-subj', `/CN=${name}`, '-days', '30');
  return parsePem(openssl.read(`${name}.crt`))[0]?.der ?? new Uint8Array();
}

const open = (name: string, envelope: Uint8Array): Buffer => {
  openssl.write('envelope.der', envelope);
  const recipient = ['-recip', `${name}.crt`, '-inkey', `${name}.key`];
  openssl.run('cms', '-decrypt', '-inform', 'DER', '-in', 'envelope.der', ...recipient, '-out', 'opened');
  return openssl.readOctets('opened');
};

describe.each(Object.entries(RECIPIENTS))('openssl cms -decrypt opens what we make for %s:', (name, how) => {
  const recipient = parseRecipient(makeRecipient(name, how));

  it.each<TestKeyKind>(['P-256', 'P-384', 'rsa-2048', 'ed25519'])(
    'a PKCS#8 of %s, octet for octet',
    (kind) => {
      const key = makeKey(kind);
      const pkcs8 = createPrivateKey(key.pkcs8Pem).export({ format: 'der', type: 'pkcs8' });
      const opened = open(name, encodeEnvelopedData(pkcs8, recipient, systemRandom));
      expect(opened.equals(pkcs8)).toBe(true);
      const found = createPrivateKey({ key: opened, format: 'der', type: 'pkcs8' });
      expect(createPublicKey(found).export({ format: 'der', type: 'spki' })).toEqual(key.spki);
    },
  );

  it('content of any length about a block', () => {
    for (let length = 1; length <= 33; length += 8) {
      const content = randomBytes(length);
      expect(open(name, encodeEnvelopedData(content, recipient, systemRandom)).equals(content)).toBe(true);
    }
  });

  it('each of those that one agreement serves', () => {
    const envelopes = openEnvelopes(recipient, systemRandom);
    const contents = [randomBytes(121), randomBytes(121), randomBytes(121)];
    const sealed = contents.map((content) => envelopes.encode(content));
    envelopes.end();
    expect(sealed.map((envelope) => open(name, envelope))).toEqual(contents);
  });

  it('and says of it what we meant', () => {
    openssl.write('envelope.der', encodeEnvelopedData(randomBytes(121), recipient, systemRandom));
    const said = openssl.run('cms', '-cmsout', '-print', '-inform', 'DER', '-in', 'envelope.der');
    expect(said).toContain('pkcs7-envelopedData');
    expect(said).toContain('aes-256-cbc');
    expect(said).toContain('issuerAndSerialNumber');
    const how = name.startsWith('rsa')
      ? ['rsaesOaep', 'mgf1', 'sha256']
      : ['dhSinglePass-stdDH-sha256kdf-scheme'];
    for (const word of how) expect(said).toContain(word);
  });

  it('nobody else can', () => {
    makeRecipient('other', how);
    const content = randomBytes(121);
    openssl.write('envelope.der', encodeEnvelopedData(content, recipient, systemRandom));
    const as = ['-recip', `${name}.crt`, '-inkey', 'other.key', '-out', 'stolen'];
    const { status } = openssl.attempt('cms', '-decrypt', '-inform', 'DER', '-in', 'envelope.der', ...as);
    // Against padding oracles OpenSSL goes on with a key of chance, whose padding fits once in 256.
    expect(status !== 0 || !openssl.readOctets('stolen').equals(content)).toBe(true);
  });
});
