import { createPublicKey, type KeyObject } from 'node:crypto';
import {
  DerReader,
  type Element,
  elementBytes,
  OID,
  oidName,
  readBitString,
  readElement,
  readNull,
  readOid,
  readUnsigned,
  TAG,
} from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import type { KeyAlgorithm } from './algorithms.ts';
import { sha256 } from './sha256.ts';

export type NamedCurve = 'P-256' | 'P-384' | 'P-521';

/** What kind of key it is, with the numbers that key rules judge. */
export type KeyKind =
  | { readonly kind: 'ec'; readonly curve: NamedCurve }
  | {
      readonly kind: 'rsa';
      readonly modulus: bigint;
      readonly modulusBits: number;
      readonly exponent: bigint;
    }
  | { readonly kind: 'ed25519'; readonly point: Uint8Array };

/** A public key in its one canonical encoding: equal keys have equal `spki` and equal `digest`. */
export interface PublicKey {
  readonly key: KeyKind;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /** Content of subjectPublicKey, without the count of unused bits: what key identifiers hash. */
  readonly keyBits: Uint8Array;
  /** SHA-256 of `spki`. */
  readonly digest: Uint8Array;
}

/** RFC 5480, 2.1.1.1, and the octets of a coordinate. */
const CURVES: ReadonlyMap<string, { curve: NamedCurve; coordinate: number }> = new Map([
  [OID.prime256v1, { curve: 'P-256', coordinate: 32 }],
  [OID.secp384r1, { curve: 'P-384', coordinate: 48 }],
  [OID.secp521r1, { curve: 'P-521', coordinate: 66 }],
]);

const badKey = (message: string): never => {
  throw new PkiError('bad-key', message);
};

function readEc(parameters: Element | undefined, bits: Uint8Array): KeyKind {
  if (parameters === undefined) return badKey('The EC key names no curve.');
  if (parameters.tag === TAG.sequence) {
    // RFC 5480, 2.1.1: specifiedCurve must not be used. Explicit parameters let a key claim a curve
    // whose generator its owner chose.
    return badKey('The EC key spells out its curve parameters; it must name the curve.');
  }
  if (parameters.tag !== TAG.oid) return badKey('The EC key names no curve.');
  const oid = readOid(parameters);
  const known = CURVES.get(oid);
  if (known === undefined) {
    throw new PkiError(
      'curve-not-allowed',
      `The curve ${oidName(oid)} is not one of P-256, P-384 and P-521.`,
      {
        facts: { curve: oid },
      },
    );
  }
  if (bits.length === 1 && bits[0] === 0) return badKey('The EC point is the point at infinity.');
  // One form only, so that a key cannot come back under another digest (compressed, hybrid).
  if (bits[0] !== 0x04) return badKey('The EC point must be in uncompressed form.');
  if (bits.length !== 1 + 2 * known.coordinate) {
    return badKey(
      `The EC point has ${bits.length} octets where ${known.curve} has ${1 + 2 * known.coordinate}.`,
    );
  }
  return { kind: 'ec', curve: known.curve };
}

function readRsa(parameters: Element | undefined, bits: Uint8Array): KeyKind {
  // RFC 8017, A.1: NULL shall be there. Without it equal keys would have two encodings.
  if (parameters === undefined) return badKey('The RSA key lacks its NULL parameters.');
  readNull(parameters);
  const outer = readElement(bits);
  if (outer.tag !== TAG.sequence || outer.end !== bits.length)
    return badKey('The RSA key is not an RSAPublicKey.');
  const reader = DerReader.inside(outer);
  const modulus = readUnsigned(reader.expect(TAG.integer, "the RSA key's modulus"));
  const exponent = readUnsigned(reader.expect(TAG.integer, "the RSA key's exponent"));
  reader.end('the RSA key');
  return { kind: 'rsa', modulus, modulusBits: modulus.toString(2).length, exponent };
}

function readEd25519(parameters: Element | undefined, bits: Uint8Array): KeyKind {
  if (parameters !== undefined) return badKey('An Ed25519 key has no parameters (RFC 8410, section 3).');
  if (bits.length !== 32) return badKey('An Ed25519 key has 32 octets.');
  return { kind: 'ed25519', point: bits };
}

function readKind(algorithm: string, parameters: Element | undefined, bits: Uint8Array): KeyKind {
  switch (algorithm) {
    case OID.ecPublicKey:
      return readEc(parameters, bits);
    case OID.rsaEncryption:
      return readRsa(parameters, bits);
    case OID.ed25519:
      return readEd25519(parameters, bits);
    default:
      throw new PkiError('algorithm-not-allowed', `Keys of the kind ${oidName(algorithm)} are not taken.`, {
        facts: { algorithm },
      });
  }
}

/**
 * Reads a SubjectPublicKeyInfo. Judges form, not strength: `bad-key`, `curve-not-allowed` and
 * `algorithm-not-allowed` say what cannot be read as a key at all. Whether an EC point lies on its
 * curve is judged by `importPublicKey`.
 */
export function readPublicKey(element: Element): PublicKey {
  const reader = DerReader.inside(element);
  const identifier = reader.sequence("the key's algorithm");
  const algorithm = identifier.oid("the key's algorithm");
  const parameters = identifier.atEnd ? undefined : identifier.any();
  identifier.end("the key's parameters");
  const { bits, unused } = readBitString(reader.expect(TAG.bitString, 'the public key'));
  reader.end('the public key');
  if (unused !== 0) return badKey('The public key is not a whole number of octets.');
  const key = readKind(algorithm, parameters, bits);
  const spki = elementBytes(element);
  return { key, spki, keyBits: bits, digest: sha256(spki) };
}

/** Reads a SubjectPublicKeyInfo from its own octets. */
export function parsePublicKey(spki: Uint8Array): PublicKey {
  const outer = readElement(spki);
  if (outer.tag !== TAG.sequence || outer.end !== spki.length)
    return badKey('This is not a SubjectPublicKeyInfo.');
  return readPublicKey(outer);
}

/**
 * As JWK an EC key takes the library half as long as in DER, where OpenSSL 3.0 searches its decoders.
 * Both check that the point is on its curve.
 */
function importEc(curve: NamedCurve, point: Uint8Array): KeyObject {
  const octets = Buffer.from(point.buffer, point.byteOffset, point.length);
  const half = (octets.length - 1) / 2;
  const x = octets.toString('base64url', 1, 1 + half);
  const y = octets.toString('base64url', 1 + half);
  return createPublicKey({ key: { kty: 'EC', crv: curve, x, y }, format: 'jwk' });
}

/**
 * Gives the key to the cryptographic library. `bad-key` where that refuses it: an EC point off its
 * curve, an even RSA modulus.
 */
export function importPublicKey({ key, keyBits, spki }: PublicKey): KeyObject {
  try {
    if (key.kind === 'ec') return importEc(key.curve, keyBits);
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch (cause) {
    throw new PkiError(
      'bad-key',
      'The public key is not a valid one: its point is off the curve or its numbers are impossible.',
      { cause },
    );
  }
}

/** A key for people: `EC P-256`, `RSA 2048`, `Ed25519`. */
export function describeKey(key: KeyKind): string {
  switch (key.kind) {
    case 'ec':
      return `EC ${key.curve}`;
    case 'rsa':
      return `RSA ${key.modulusBits}`;
    case 'ed25519':
      return 'Ed25519';
  }
}

/** The algorithm by which a key like this one is made for an authority; the nearest, where we make none like it. */
export function keyAlgorithmLike(key: KeyKind): KeyAlgorithm {
  switch (key.kind) {
    case 'ec':
      return key.curve === 'P-256' ? 'ec-p256' : 'ec-p384';
    case 'rsa':
      return key.modulusBits <= 3072 ? 'rsa-3072' : 'rsa-4096';
    case 'ed25519':
      return 'ed25519';
  }
}

/**
 * A key identifier: the leftmost 160 bits of SHA-256 over the key bits (RFC 7093, section 2, method 1).
 */
export const keyIdentifier = (keyBits: Uint8Array): Uint8Array => sha256(keyBits).subarray(0, 20);
