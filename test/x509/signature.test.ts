import { createPublicKey, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  encodeElement,
  encodeNull,
  encodeOid,
  encodeSequence,
  OID,
  readElement,
} from '../../src/asn1/index.ts';
import {
  digestOf,
  encodeSignatureAlgorithm,
  isSignatureValid,
  readSignatureAlgorithm,
  type SignatureAlgorithm,
  signingKeyKind,
} from '../../src/x509/index.ts';
import { makeKey } from '../support/csr.ts';
import { codeOf } from '../support/refusal.ts';

const ALGORITHMS: readonly SignatureAlgorithm[] = [
  'ecdsa-with-SHA256',
  'ecdsa-with-SHA384',
  'ecdsa-with-SHA512',
  'sha256WithRSAEncryption',
  'sha384WithRSAEncryption',
  'sha512WithRSAEncryption',
  'Ed25519',
];
const keys = { ec: makeKey(), rsa: makeKey('rsa-2048'), ed25519: makeKey('ed25519') };
const data = Buffer.from('what is signed');
const read = (...parts: Uint8Array[]) => readSignatureAlgorithm(readElement(encodeSequence(...parts)));

describe('a signature algorithm', () => {
  for (const algorithm of ALGORITHMS) {
    it(`${algorithm} comes back as it was written, and verifies what it signed by a key of its kind alone`, () => {
      expect(readSignatureAlgorithm(readElement(encodeSignatureAlgorithm(algorithm)))).toBe(algorithm);
      const kind = signingKeyKind(algorithm);
      const value = sign(digestOf(algorithm), data, keys[kind].privateKey);
      for (const other of ['ec', 'rsa', 'ed25519'] as const) {
        const publicKey = createPublicKey(keys[other].privateKey);
        expect(isSignatureValid(algorithm, other, publicKey, data, value)).toBe(other === kind);
        expect(isSignatureValid(algorithm, other, publicKey, Buffer.from('something else'), value)).toBe(
          false,
        );
      }
    });
  }

  it('over a broken digest is weak, and one that is not known is not allowed', () => {
    for (const oid of [
      OID.sha1WithRsaEncryption,
      OID.md5WithRsaEncryption,
      OID.md2WithRsaEncryption,
      OID.sha1WithRsaOiw,
    ])
      expect(codeOf(() => read(encodeOid(oid), encodeNull()))).toBe('weak-signature');
    for (const oid of [OID.ecdsaWithSha1, OID.dsaWithSha1])
      expect(codeOf(() => read(encodeOid(oid)))).toBe('weak-signature');
    for (const oid of [OID.rsassaPss, OID.sha224WithRsaEncryption, OID.ecdsaWithSha224, OID.ed448, '1.2.3.4'])
      expect(codeOf(() => read(encodeOid(oid)))).toBe('algorithm-not-allowed');
  });

  it('has no parameters but NULL, and Ed25519 none at all', () => {
    expect(read(encodeOid(OID.sha256WithRsaEncryption))).toBe('sha256WithRSAEncryption');
    expect(read(encodeOid(OID.ecdsaWithSha256), encodeNull())).toBe('ecdsa-with-SHA256');
    expect(codeOf(() => read(encodeOid(OID.ed25519), encodeNull()))).toBe('algorithm-not-allowed');
    expect(codeOf(() => read(encodeOid(OID.ecdsaWithSha256), encodeOid(OID.prime256v1)))).toBe('bad-der');
    expect(codeOf(() => read(encodeOid(OID.ecdsaWithSha256), encodeNull(), encodeNull()))).toBe('bad-der');
  });
});

describe('an ECDSA signature', () => {
  const publicKey = createPublicKey(keys.ec.privateKey);
  const value = sign('sha256', data, keys.ec.privateKey);
  const holds = (octets: Uint8Array) => isSignatureValid('ecdsa-with-SHA256', 'ec', publicKey, data, octets);

  it('is one DER element of two positive numbers, and nothing else', () => {
    expect(holds(value)).toBe(true);
    const inner = value.subarray(2);
    for (const wrong of [
      new Uint8Array(0),
      value.subarray(0, -1),
      Buffer.concat([value, Buffer.of(0)]),
      encodeSequence(inner, encodeNull()),
      encodeElement(0x31, inner),
      Buffer.concat([Buffer.of(0x30, 0x81, inner.length), inner]),
      Buffer.concat([Buffer.of(0x30, 0x80), inner, Buffer.of(0, 0)]),
      Buffer.from('3006020100020100', 'hex'),
      Buffer.from('3006020101020100', 'hex'),
      Buffer.from('3006020180020101', 'hex'),
      sign('sha256', data, { key: keys.ec.privateKey, dsaEncoding: 'ieee-p1363' }),
    ]) {
      expect(holds(wrong)).toBe(false);
    }
  });
});
