import { afterAll, describe, expect, it } from 'vitest';
import { parsePem } from '../../src/asn1/index.ts';
import { PkiError } from '../../src/errors.ts';
import {
  encodeEnvelopedData,
  openEnvelopes,
  parseRecipient,
  verifyRecipientAlive,
} from '../../src/x509/index.ts';
import { seededRandom } from '../support/fixed.ts';
import { opensslFolder } from '../support/openssl.ts';

const openssl = opensslFolder();
afterAll(() => openssl.remove());

const P_256 = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

function certificate(how: readonly string[], ...more: readonly string[]): Uint8Array {
  const files = ['-keyout', 'a.key', '-out', 'a.crt'];
  openssl.run(
    'req',
    '-x509',
    '-newkey',
    ...how,
    '-nodes',
    ...files,
    '-subj',
    '/CN=a',
    '-days',
    '30',
    ...more,
  );
  return parsePem(openssl.read('a.crt'))[0]?.der ?? new Uint8Array();
}

function refusalOf(act: () => unknown): string {
  try {
    act();
    return 'taken';
  } catch (failure) {
    if (!(failure instanceof PkiError)) throw failure;
    return `${failure.code}: ${failure.message}`;
  }
}

const judge = (...given: Parameters<typeof certificate>): string =>
  refusalOf(() => parseRecipient(certificate(...given)));

describe('a recipient is', () => {
  it('taken with the key usage that its key needs, or with none', () => {
    expect(judge(['rsa:2048'], '-addext', 'keyUsage=keyEncipherment')).toBe('taken');
    expect(judge(P_256, '-addext', 'keyUsage=critical,keyAgreement')).toBe('taken');
    expect(judge(P_256)).toBe('taken');
  });

  it('refused without it', () => {
    expect(judge(['rsa:2048'], '-addext', 'keyUsage=digitalSignature,keyAgreement')).toMatch(
      /^bad-recipient: .*keyEncipherment/,
    );
    expect(judge(P_256, '-addext', 'keyUsage=keyEncipherment')).toMatch(/^bad-recipient: .*keyAgreement/);
  });

  it('refused with a key that is too short, signs alone, or lies on another curve', () => {
    expect(judge(['rsa:1024'])).toMatch(/^bad-recipient: .*1024 bits/);
    expect(judge(['ed25519'])).toMatch(/^bad-recipient: .*Ed25519/);
    expect(judge(['ec', '-pkeyopt', 'ec_paramgen_curve:P-521'])).toMatch(/^bad-recipient: .*P-521/);
    expect(judge(['ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1'])).toMatch(/^bad-recipient: .*secp256k1/);
  });

  it('refused where its octets are no certificate, or something follows it', () => {
    const der = certificate(P_256);
    expect(refusalOf(() => parseRecipient(der.subarray(0, -1)))).toMatch(/^bad-recipient/);
    expect(refusalOf(() => parseRecipient(Buffer.concat([der, Buffer.of(0)])))).toMatch(/^bad-recipient/);
    expect(refusalOf(() => parseRecipient(new Uint8Array()))).toMatch(/^bad-recipient/);
  });

  it('alive from its first to its last moment', () => {
    const recipient = parseRecipient(certificate(P_256));
    const { notBefore, notAfter } = recipient.certificate;
    const at = (instant: Date, ms: number): string =>
      refusalOf(() => verifyRecipientAlive(recipient, new Date(instant.getTime() + ms)));
    expect(at(notBefore, 0)).toBe('taken');
    expect(at(notBefore, -1)).toMatch(/^bad-recipient: .*begins/);
    expect(at(notAfter, -1)).toBe('taken');
    expect(at(notAfter, 0)).toMatch(/^bad-recipient: .*ended/);
  });
});

describe('an envelope', () => {
  it('is the same octets for the same chance, and others for another: nothing else enters', () => {
    const recipient = parseRecipient(certificate(P_256));
    const seal = (seed: string) =>
      Buffer.from(encodeEnvelopedData(Buffer.from('content'), recipient, seededRandom(seed)));
    expect(seal('a').equals(seal('a'))).toBe(true);
    expect(seal('a').equals(seal('b'))).toBe(false);
    expect(seal('a').includes('content')).toBe(false);
  });

  it('has a content key and an IV of its own, also where one agreement serves several', () => {
    const envelopes = openEnvelopes(parseRecipient(certificate(P_256)), seededRandom('a'));
    const content = Buffer.alloc(121, 7);
    const [one, other] = [envelopes.encode(content), envelopes.encode(content)].map((der) =>
      Buffer.from(der),
    );
    if (!one || !other) throw new Error('two envelopes were asked for');
    expect(one.length).toBe(other.length);
    // The point that was agreed with is alike; the wrapped key, the IV and the content that follow it are not.
    const alike = one.findIndex((octet, i) => octet !== other[i]);
    expect(alike).toBeGreaterThan(65);
    const wrapped = one.subarray(alike, alike + 40);
    expect(other.includes(wrapped)).toBe(false);
    expect(other.includes(one.subarray(-32))).toBe(false);
  });

  it('is not made after the end, when what wraps its key is forgotten', () => {
    const envelopes = openEnvelopes(parseRecipient(certificate(P_256)), seededRandom('a'));
    envelopes.end();
    expect(() => envelopes.encode(Buffer.from('content'))).toThrow('no more');
  });
});
