import { createHash, createPublicKey } from 'node:crypto';
import type { Handle, PKCS11, Template } from 'pkcs11js';
import {
  contentBytes,
  encodeOid,
  encodeSequence,
  encodeUnsigned,
  OID,
  readElement,
  TAG,
} from '../../asn1/index.ts';
import { parsePublicKey, type SignatureAlgorithm, signatureAlgorithmFor } from '../../x509/index.ts';
import { KeystoreSetupError } from '../setup-error.ts';
import { withToken } from './token-refusal.ts';

/** Kinds of key that a device's token makes: what aktualizr's HSM support takes. */
export type TokenKeyKind = 'ec-p256' | 'rsa-2048';

/** A key pair that stays in its token. */
export interface TokenKey {
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  readonly algorithm: SignatureAlgorithm;
  /** Signs in the token. ECDSA comes back as ECDSA-Sig-Value, RSA is RSASSA-PKCS1-v1_5. */
  sign(octets: Uint8Array): Uint8Array;
}

/** The library, one session with it, and its numbers. */
export interface TokenSession {
  readonly library: PKCS11;
  readonly session: Handle;
  readonly ck: typeof import('pkcs11js');
}

/** Objects that match, at most a hundred: more under one id is no token that we work with. */
export function findObjects({ library, session }: TokenSession, template: Template): readonly Handle[] {
  library.C_FindObjectsInit(session, template);
  try {
    return library.C_FindObjects(session, 100);
  } finally {
    library.C_FindObjectsFinal(session);
  }
}

const base64url = (octets: Uint8Array): string => Buffer.from(octets).toString('base64url');

/** One attribute's octets. */
export function attribute({ library, session }: TokenSession, object: Handle, type: number): Buffer {
  const [read] = library.C_GetAttributeValue(session, object, [{ type }]);
  return Buffer.isBuffer(read?.value) ? read.value : Buffer.alloc(0);
}

interface Curve {
  readonly name: string;
  readonly oid: string;
  /** Octets of a coordinate. */
  readonly coordinate: number;
}

/** Curves that keys in tokens are read of. */
const CURVES: readonly Curve[] = [
  { name: 'P-256', oid: OID.prime256v1, coordinate: 32 },
  { name: 'P-384', oid: OID.secp384r1, coordinate: 48 },
];

/** CKA_EC_POINT is an OCTET STRING around the point (PKCS#11 2.40, 2.3.3); some tokens leave that off. */
function pointOf(value: Buffer, { coordinate }: Curve): Uint8Array {
  if (value.length === 1 + 2 * coordinate && value[0] === 0x04) return value;
  const element = readElement(value);
  if (element.tag !== TAG.octetString)
    throw new KeystoreSetupError(['The public key in the token has no point.']);
  return contentBytes(element);
}

function readEcKey(token: TokenSession, object: Handle): Uint8Array {
  const { ck } = token;
  const parameters = attribute(token, object, ck.CKA_EC_PARAMS);
  const curve = CURVES.find(({ oid }) => parameters.equals(encodeOid(oid)));
  if (!curve)
    throw new KeystoreSetupError(['The EC key in the token is on a curve that is neither P-256 nor P-384.']);
  const point = pointOf(attribute(token, object, ck.CKA_EC_POINT), curve);
  const jwk = {
    kty: 'EC',
    crv: curve.name,
    x: base64url(point.subarray(1, 1 + curve.coordinate)),
    y: base64url(point.subarray(1 + curve.coordinate)),
  };
  return createPublicKey({ key: jwk, format: 'jwk' }).export({ format: 'der', type: 'spki' });
}

function readRsaKey(token: TokenSession, object: Handle): Uint8Array {
  const { ck } = token;
  const n = base64url(attribute(token, object, ck.CKA_MODULUS));
  const e = base64url(attribute(token, object, ck.CKA_PUBLIC_EXPONENT));
  return createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' }).export({
    format: 'der',
    type: 'spki',
  });
}

/** SubjectPublicKeyInfo, DER, of a public key in the token. */
export function readPublicKey(token: TokenSession, object: Handle): Uint8Array {
  const { ck } = token;
  const kind = attribute(token, object, ck.CKA_KEY_TYPE).readUInt32LE(0);
  if (kind === ck.CKK_EC) return readEcKey(token, object);
  if (kind === ck.CKK_RSA) return readRsaKey(token, object);
  throw new KeystoreSetupError(['The key in the token is neither EC nor RSA.']);
}

/** r and s, one after the other (PKCS#11 2.40, 2.3.1), as ECDSA-Sig-Value (RFC 3279, 2.2.3). */
export function ecdsaValue(raw: Uint8Array): Uint8Array {
  const half = raw.length / 2;
  return encodeSequence(encodeUnsigned(raw.subarray(0, half)), encodeUnsigned(raw.subarray(half)));
}

/** The key pair of two objects. Throws where its public half is not one that we know. */
export function openTokenKey(token: TokenSession, privateKey: Handle, publicKey: Handle): TokenKey {
  const { library, session, ck } = token;
  const spki = withToken('reading the public key', () => readPublicKey(token, publicKey));
  const { key } = parsePublicKey(spki);
  const isEc = key.kind === 'ec';
  if (isEc && key.curve !== 'P-256') {
    throw new KeystoreSetupError([
      'The EC key in the token is not on P-256: devices with an HSM take no other.',
    ]);
  }
  const mechanism = isEc ? ck.CKM_ECDSA : ck.CKM_SHA256_RSA_PKCS;
  return {
    publicKey: spki,
    algorithm: signatureAlgorithmFor(key),
    sign: (octets) =>
      withToken('signing', () => {
        // ECDSA in a token signs a digest; few of them hash for it.
        const input = isEc ? createHash('sha256').update(octets).digest() : Buffer.from(octets);
        library.C_SignInit(session, { mechanism }, privateKey);
        const signature = library.C_Sign(session, input, Buffer.alloc(1024));
        return isEc ? ecdsaValue(signature) : signature;
      }),
  };
}

/** Makes a key pair that cannot leave the token. */
export function generateTokenKey(
  token: TokenSession,
  kind: TokenKeyKind,
  id: Buffer,
  label: string,
): TokenKey {
  const { library, session, ck } = token;
  const common = [
    { type: ck.CKA_TOKEN, value: true },
    { type: ck.CKA_ID, value: id },
    { type: ck.CKA_LABEL, value: label },
  ];
  const isEc = kind === 'ec-p256';
  const form = isEc
    ? [{ type: ck.CKA_EC_PARAMS, value: Buffer.from(encodeOid(OID.prime256v1)) }]
    : [
        { type: ck.CKA_MODULUS_BITS, value: 2048 },
        { type: ck.CKA_PUBLIC_EXPONENT, value: Buffer.from([1, 0, 1]) },
      ];
  const pair = withToken('making the key', () =>
    library.C_GenerateKeyPair(
      session,
      { mechanism: isEc ? ck.CKM_EC_KEY_PAIR_GEN : ck.CKM_RSA_PKCS_KEY_PAIR_GEN },
      [...common, { type: ck.CKA_VERIFY, value: true }, ...form],
      [
        ...common,
        { type: ck.CKA_PRIVATE, value: true },
        { type: ck.CKA_SENSITIVE, value: true },
        { type: ck.CKA_EXTRACTABLE, value: false },
        { type: ck.CKA_SIGN, value: true },
      ],
    ),
  );
  return openTokenKey(token, pair.privateKey, pair.publicKey);
}
