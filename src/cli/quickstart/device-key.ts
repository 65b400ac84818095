import {
  createPrivateKey,
  type ED25519KeyPairOptions,
  generateKeyPair,
  type KeyObject,
  sign,
} from 'node:crypto';
import { promisify } from 'node:util';
import type { SignatureAlgorithm } from '../../x509/index.ts';
import { generateClosePrimes } from './close-primes.ts';

const generate = promisify(generateKeyPair);

export type DeviceKeyKind = 'P-256' | 'rsa-2048' | 'rsa-1024' | 'rsa-close-primes' | 'secp256k1' | 'ed25519';

/** A key pair as the factory makes it beside each device. */
export interface DeviceKey {
  readonly kind: DeviceKeyKind;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /** PKCS#8, PEM, not encrypted: what a device keeps as pkey.pem. */
  readonly pkcs8: string;
  readonly privateKey: KeyObject;
  readonly algorithm: SignatureAlgorithm;
}

/** A key pair that was encoded as it was made. */
export interface EncodedPair {
  readonly publicKey: Buffer;
  readonly privateKey: string;
}

/**
 * Node 20 can hang for ever when a KeyObject that comes straight from generateKeyPair is exported. So
 * generateKeyPair encodes, and we import again.
 */
const ENCODED: ED25519KeyPairOptions<'der', 'pem'> = {
  publicKeyEncoding: { type: 'spki', format: 'der' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
};

function generatePair(kind: DeviceKeyKind): Promise<EncodedPair> {
  switch (kind) {
    case 'P-256':
    case 'secp256k1':
      return generate('ec', { namedCurve: kind, ...ENCODED });
    case 'rsa-2048':
    case 'rsa-1024':
      return generate('rsa', { modulusLength: Number(kind.slice(4)), ...ENCODED });
    case 'rsa-close-primes':
      return generateClosePrimes();
    case 'ed25519':
      return generate('ed25519', ENCODED);
  }
}

const ALGORITHMS: Readonly<Record<DeviceKeyKind, SignatureAlgorithm>> = {
  'P-256': 'ecdsa-with-SHA256',
  secp256k1: 'ecdsa-with-SHA256',
  'rsa-2048': 'sha256WithRSAEncryption',
  'rsa-1024': 'sha256WithRSAEncryption',
  'rsa-close-primes': 'sha256WithRSAEncryption',
  ed25519: 'Ed25519',
};

/** Makes a key pair off the main thread. */
export async function makeDeviceKey(kind: DeviceKeyKind): Promise<DeviceKey> {
  const { publicKey, privateKey } = await generatePair(kind);
  return {
    kind,
    spki: publicKey,
    pkcs8: privateKey,
    privateKey: createPrivateKey(privateKey),
    algorithm: ALGORITHMS[kind],
  };
}

/** A signature as a request carries it: over SHA-256, or Ed25519's own. */
export const signWithKey = (key: DeviceKey, octets: Uint8Array): Uint8Array =>
  sign(key.kind === 'ed25519' ? null : 'sha256', octets, key.privateKey);
