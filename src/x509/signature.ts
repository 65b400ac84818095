import { type KeyObject, sign, verify } from 'node:crypto';
import {
  DerReader,
  type Element,
  encodeNull,
  encodeOid,
  encodeSequence,
  OID,
  oidName,
  readElement,
  readInteger,
  readNull,
  TAG,
} from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import type { SignatureAlgorithm } from './algorithms.ts';
import type { KeyKind } from './public-key.ts';

interface Signature {
  readonly name: SignatureAlgorithm;
  readonly oid: string;
  readonly hash: 'sha256' | 'sha384' | 'sha512' | null;
  readonly key: KeyKind['kind'];
  /** RSA: NULL (RFC 4055, section 5); ECDSA and Ed25519: absent (RFC 5758, 3.2; RFC 8410, section 3). */
  readonly parameters: 'null' | 'absent';
}

const SIGNATURES: readonly Signature[] = [
  { name: 'ecdsa-with-SHA256', oid: OID.ecdsaWithSha256, hash: 'sha256', key: 'ec', parameters: 'absent' },
  { name: 'ecdsa-with-SHA384', oid: OID.ecdsaWithSha384, hash: 'sha384', key: 'ec', parameters: 'absent' },
  { name: 'ecdsa-with-SHA512', oid: OID.ecdsaWithSha512, hash: 'sha512', key: 'ec', parameters: 'absent' },
  {
    name: 'sha256WithRSAEncryption',
    oid: OID.sha256WithRsaEncryption,
    hash: 'sha256',
    key: 'rsa',
    parameters: 'null',
  },
  {
    name: 'sha384WithRSAEncryption',
    oid: OID.sha384WithRsaEncryption,
    hash: 'sha384',
    key: 'rsa',
    parameters: 'null',
  },
  {
    name: 'sha512WithRSAEncryption',
    oid: OID.sha512WithRsaEncryption,
    hash: 'sha512',
    key: 'rsa',
    parameters: 'null',
  },
  { name: 'Ed25519', oid: OID.ed25519, hash: null, key: 'ed25519', parameters: 'absent' },
];

const BY_OID: ReadonlyMap<string, Signature> = new Map(SIGNATURES.map((s) => [s.oid, s]));
const BY_NAME: ReadonlyMap<SignatureAlgorithm, Signature> = new Map(SIGNATURES.map((s) => [s.name, s]));

/** Digests whose collisions are made in practice: a signature over them proves nothing. */
const WEAK: ReadonlySet<string> = new Set([
  OID.md2WithRsaEncryption,
  OID.md5WithRsaEncryption,
  OID.sha1WithRsaEncryption,
  OID.sha1WithRsaOiw,
  OID.ecdsaWithSha1,
  OID.dsaWithSha1,
]);

function getSignature(name: SignatureAlgorithm): Signature {
  const signature = BY_NAME.get(name);
  if (signature === undefined) throw new Error(`no such signature algorithm: ${name}`);
  return signature;
}

/** The digest that an algorithm signs over; null for Ed25519, which hashes by itself. */
export const digestOf = (name: SignatureAlgorithm): 'sha256' | 'sha384' | 'sha512' | null =>
  getSignature(name).hash;

const ENCODED: ReadonlyMap<SignatureAlgorithm, Uint8Array> = new Map(
  SIGNATURES.map(({ name, oid, parameters }) => [
    name,
    encodeSequence(encodeOid(oid), ...(parameters === 'null' ? [encodeNull()] : [])),
  ]),
);

/** AlgorithmIdentifier, DER. */
export function encodeSignatureAlgorithm(name: SignatureAlgorithm): Uint8Array {
  const encoded = ENCODED.get(name);
  if (encoded === undefined) throw new Error(`no such signature algorithm: ${name}`);
  return encoded;
}

/**
 * RFC 4055, section 5: for RSA, NULL and absent are both taken. RFC 5758, 3.2, wants them absent for
 * ECDSA; Mbed TLS wrote NULL there for years, and it means nothing, so devices that have it are taken.
 */
function checkParameters(signature: Signature, parameters: Element | undefined): void {
  if (parameters === undefined) return;
  if (signature.key === 'ed25519') {
    throw new PkiError(
      'algorithm-not-allowed',
      'A signature with Ed25519 has no parameters (RFC 8410, section 3).',
    );
  }
  readNull(parameters);
}

/**
 * Reads a signature AlgorithmIdentifier. Refuses SHA-1, MD5 and MD2 as `weak-signature`, everything
 * else that is not in our table as `algorithm-not-allowed`, by name.
 */
export function readSignatureAlgorithm(element: Element): SignatureAlgorithm {
  const reader = DerReader.inside(element);
  const oid = reader.oid("the signature's algorithm");
  const parameters = reader.atEnd ? undefined : reader.any();
  reader.end("the signature's parameters");
  if (WEAK.has(oid)) {
    throw new PkiError(
      'weak-signature',
      `Signatures with ${oidName(oid)} are not taken: the digest is broken.`,
      {
        facts: { algorithm: oid },
      },
    );
  }
  const signature = BY_OID.get(oid);
  if (signature === undefined) {
    throw new PkiError('algorithm-not-allowed', `Signatures with ${oidName(oid)} are not taken.`, {
      facts: { algorithm: oid },
    });
  }
  checkParameters(signature, parameters);
  return signature.name;
}

/** A number in its shortest form that is neither negative nor zero. */
const isPositive = (content: Uint8Array): boolean =>
  (content[0] ?? 0) < 0x80 && (content[0] !== 0 || content.length > 1);

/** ECDSA-Sig-Value in strict DER with positive numbers (RFC 5480, appendix A). */
function isEcdsaValue(value: Uint8Array): boolean {
  try {
    const outer = readElement(value);
    if (outer.tag !== TAG.sequence || outer.end !== value.length) return false;
    const reader = DerReader.inside(outer);
    const r = readInteger(reader.expect(TAG.integer, 'r'));
    const s = readInteger(reader.expect(TAG.integer, 's'));
    return reader.atEnd && isPositive(r) && isPositive(s);
  } catch (cause) {
    if (cause instanceof PkiError) return false;
    throw cause;
  }
}

/** True if `value` is the signature of `data` by `key` with the algorithm, and the key is of its kind. */
export function isSignatureValid(
  algorithm: SignatureAlgorithm,
  kind: KeyKind['kind'],
  key: KeyObject,
  data: Uint8Array,
  value: Uint8Array,
): boolean {
  const signature = getSignature(algorithm);
  if (signature.key !== kind) return false;
  // OpenSSL is lenient about the form of r and s in some versions; we are not.
  if (kind === 'ec' && !isEcdsaValue(value)) return false;
  return verify(signature.hash, data, key, value);
}

/** The kind of key that an algorithm signs with. */
export const signingKeyKind = (algorithm: SignatureAlgorithm): KeyKind['kind'] => getSignature(algorithm).key;

/**
 * Signs with a private key of the algorithm's kind, in this thread. ECDSA gives an ECDSA-Sig-Value,
 * RSA is RSASSA-PKCS1-v1_5.
 */
export const signOctets = (algorithm: SignatureAlgorithm, key: KeyObject, octets: Uint8Array): Uint8Array =>
  sign(getSignature(algorithm).hash, octets, { key, dsaEncoding: 'der' });
