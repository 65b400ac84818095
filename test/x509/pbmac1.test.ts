import { createHmac, pbkdf2Sync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  DerReader,
  elementBytes,
  encodeNull,
  encodeOctetString,
  encodeOid,
  encodeSequence,
  encodeSmallInteger,
  OID,
  readElement,
} from '../../src/asn1/index.ts';
import { parsePkcs12 } from '../../src/x509/index.ts';
import { codeOf } from '../support/refusal.ts';
import { RFC9579_A1 } from './rfc9579-a1.ts';

const PASSPHRASE = '1234';
const SALT = Buffer.from('a salt of ours');

interface Wish {
  readonly digest: 'sha256' | 'sha384' | 'sha512';
  readonly iterations: number;
  /** null: not told in the file. */
  readonly keyLength: number | null;
}

const HMAC = {
  sha256: OID.hmacWithSha256,
  sha384: OID.hmacWithSha384,
  sha512: OID.hmacWithSha512,
} as const;

const bare = (oid: string): Uint8Array => encodeSequence(encodeOid(oid), encodeNull());

/** The RFC's file under a MAC of our own making (RFC 9579, 4; RFC 8018, A.2 and A.5). */
function withMac({ digest, iterations, keyLength }: Wish): Uint8Array {
  const [version, safe] = parts(RFC9579_A1);
  const [, wrapped = new Uint8Array()] = parts(safe);
  const [content = new Uint8Array()] = parts(wrapped);
  const octets = content.subarray(readElement(content).contentStart);
  const key = pbkdf2Sync(PASSPHRASE, SALT, Math.min(iterations, 100_000), keyLength ?? 32, digest);
  const pbkdf2 = encodeSequence(
    encodeOid(OID.pbkdf2),
    encodeSequence(
      encodeOctetString(SALT),
      encodeSmallInteger(iterations),
      ...(keyLength === null ? [] : [encodeSmallInteger(keyLength)]),
      bare(HMAC[digest]),
    ),
  );
  const algorithm = encodeSequence(encodeOid(OID.pbmac1), encodeSequence(pbkdf2, bare(HMAC[digest])));
  const mac = encodeOctetString(createHmac(digest, key).update(octets).digest());
  const macData = encodeSequence(
    encodeSequence(algorithm, mac),
    encodeOctetString(Buffer.from('NOT USED')),
    encodeSmallInteger(1),
  );
  return encodeSequence(version, safe, macData);
}

/** The elements inside one. */
function parts(der: Uint8Array): [Uint8Array, Uint8Array, ...Uint8Array[]] {
  const reader = DerReader.inside(readElement(der));
  const found: Uint8Array[] = [];
  while (!reader.atEnd) found.push(elementBytes(reader.any()));
  return found as [Uint8Array, Uint8Array, ...Uint8Array[]];
}

describe('PBMAC1 of PKCS#12 (RFC 9579)', () => {
  it('the valid file of the RFC opens, with its passphrase alone', () => {
    const { schemes, certificates, privateKey } = parsePkcs12(RFC9579_A1, PASSPHRASE);
    expect(schemes).toEqual(['pbmac1-sha256', 'pbes2-aes256']);
    expect(certificates).toHaveLength(1);
    expect(privateKey).not.toBeNull();
    expect(codeOf(() => parsePkcs12(RFC9579_A1, '12345'))).toBe('bad-pkcs12');
  });

  it.each([
    { digest: 'sha256', iterations: 2048, keyLength: 32 },
    { digest: 'sha384', iterations: 2048, keyLength: 48 },
    { digest: 'sha512', iterations: 10_000, keyLength: 64 },
    { digest: 'sha512', iterations: 1, keyLength: 20 },
  ] as const)('opens with $digest, $iterations iterations and a key of $keyLength octets', (wish) => {
    expect(parsePkcs12(withMac(wish), PASSPHRASE).schemes[0]).toBe(`pbmac1-${wish.digest}`);
  });

  it.each([
    ['without a key length, as the RFC’s A.6', { digest: 'sha256', iterations: 2048, keyLength: null }],
    ['with a key of one octet', { digest: 'sha256', iterations: 2048, keyLength: 1 }],
    ['with a key longer than any digest', { digest: 'sha256', iterations: 2048, keyLength: 64 + 1 }],
    ['with iterations that do not end', { digest: 'sha256', iterations: 5_000_001, keyLength: 32 }],
  ] as const)('is refused %s', (_, wish) => {
    expect(codeOf(() => parsePkcs12(withMac(wish), PASSPHRASE))).toBe('bad-pkcs12');
  });

  it('is refused where the MAC is of other octets', () => {
    const flipped = Buffer.from(RFC9579_A1);
    flipped[1000] = (flipped[1000] ?? 0) ^ 1;
    expect(codeOf(() => parsePkcs12(flipped, PASSPHRASE))).toBe('bad-pkcs12');
  });
});
