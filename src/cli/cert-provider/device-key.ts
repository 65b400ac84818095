import { type ED25519KeyPairOptions, generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { PkiError } from '../../errors.ts';

const generate = promisify(generateKeyPair);

/** NIST SP 800-131A: fewer protect nothing. Above, one signature of a device's takes longer than a second. */
const RSA_BITS = { least: 2048, most: 8192 } as const;

/** A key as it goes to the device. */
export interface DeviceKey {
  /** PKCS#8, DER. */
  readonly pkcs8: Uint8Array;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
}

/** Refuses `weak-key` and `bad-key` before an hour is spent on making one. */
export function verifyRsaBits(bits: number | undefined): void {
  if (bits === undefined) return;
  if (bits < RSA_BITS.least) {
    throw new PkiError(
      'weak-key',
      `An RSA key of ${bits} bits protects nothing; --bits is ${RSA_BITS.least} or more.`,
    );
  }
  if (bits > RSA_BITS.most)
    throw new PkiError('bad-key', `An RSA key has at most ${RSA_BITS.most} bits here.`);
}

/**
 * Node 20 can hang for ever when a KeyObject that comes straight from generateKeyPair is exported while
 * garbage is collected. So it encodes for us.
 */
const ENCODED: ED25519KeyPairOptions<'der', 'der'> = {
  publicKeyEncoding: { type: 'spki', format: 'der' },
  privateKeyEncoding: { type: 'pkcs8', format: 'der' },
};

/** Makes a key off the main thread: EC P-256, or RSA where a size is given. */
export async function makeDeviceKey(bits: number | undefined): Promise<DeviceKey> {
  const { privateKey, publicKey } =
    bits === undefined
      ? await generate('ec', { namedCurve: 'P-256', paramEncoding: 'named', ...ENCODED })
      : await generate('rsa', { modulusLength: bits, publicExponent: 65_537, ...ENCODED });
  return { pkcs8: privateKey, spki: publicKey };
}
