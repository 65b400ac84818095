import {
  encodeNull,
  encodeOctetString,
  encodeOid,
  encodeSequence,
  encodeSmallInteger,
  OID,
} from '../asn1/index.ts';

export interface Pbes2Parameters {
  readonly salt: Uint8Array;
  readonly iterations: number;
  /** 16 octets. */
  readonly iv: Uint8Array;
}

/** AlgorithmIdentifier of PBES2 with PBKDF2-HMAC-SHA256 and AES-256-CBC (RFC 8018, 6.2 and appendix A). */
export function encodePbes2({ salt, iterations, iv }: Pbes2Parameters): Uint8Array {
  const prf = encodeSequence(encodeOid(OID.hmacWithSha256), encodeNull());
  const kdf = encodeSequence(
    encodeOid(OID.pbkdf2),
    encodeSequence(encodeOctetString(salt), encodeSmallInteger(iterations), prf),
  );
  const scheme = encodeSequence(encodeOid(OID.aes256Cbc), encodeOctetString(iv));
  return encodeSequence(encodeOid(OID.pbes2), encodeSequence(kdf, scheme));
}
