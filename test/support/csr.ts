import {
  createPrivateKey,
  type ED25519KeyPairOptions,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import { OID } from '../../src/asn1/index.ts';
import {
  assembleCsr,
  digestOf,
  type Extension,
  encodeCsrInfo,
  parsePublicKey,
  type SignatureAlgorithm,
  signatureAlgorithmFor,
} from '../../src/x509/index.ts';

export type TestKeyKind = 'P-256' | 'P-384' | 'P-521' | 'rsa-2048' | 'rsa-3072' | 'ed25519';

/** A device's key pair, encoded: KeyObjects straight from generateKeyPair can hang on Node 20. */
export interface TestKey {
  readonly privateKey: KeyObject;
  readonly pkcs8Pem: string;
  readonly spki: Uint8Array;
  readonly algorithm: SignatureAlgorithm;
}

/** The overloads of generateKeyPairSync tell DER from PEM by a declared type, not by a literal. */
const ENCODED: ED25519KeyPairOptions<'der', 'pem'> = {
  publicKeyEncoding: { type: 'spki', format: 'der' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
};

function generate(kind: TestKeyKind): { publicKey: Buffer; privateKey: string } {
  if (kind === 'ed25519') return generateKeyPairSync('ed25519', ENCODED);
  if (kind.startsWith('rsa-')) {
    return generateKeyPairSync('rsa', { modulusLength: Number(kind.slice(4)), ...ENCODED });
  }
  return generateKeyPairSync('ec', { namedCurve: kind, ...ENCODED });
}

export function makeKey(kind: TestKeyKind = 'P-256'): TestKey {
  const { publicKey, privateKey } = generate(kind);
  return {
    privateKey: createPrivateKey(privateKey),
    pkcs8Pem: privateKey,
    spki: publicKey,
    algorithm: signatureAlgorithmFor(parsePublicKey(publicKey).key),
  };
}

export interface CsrWish {
  readonly deviceId: string;
  readonly key?: TestKey;
  readonly extensions?: readonly Extension[];
  /** Name attributes after the CN. */
  readonly more?: readonly { type: string; value: string }[];
}

/** A proper PKCS#10 request in DER. */
export function makeCsr({ deviceId, key = makeKey(), extensions = [], more = [] }: CsrWish): Uint8Array {
  const info = encodeCsrInfo({
    subject: [{ type: OID.commonName, value: deviceId }, ...more],
    publicKey: key.spki,
    extensions,
  });
  return assembleCsr(info, key.algorithm, sign(digestOf(key.algorithm), info, key.privateKey));
}
