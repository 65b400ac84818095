import { type ED25519KeyPairOptions, generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import type { KeyAlgorithm } from '../x509/index.ts';

const generate = promisify(generateKeyPair);

/**
 * Node 20 can hang for ever when a KeyObject that comes straight from generateKeyPair is exported or
 * asked for its details while garbage is collected. So generateKeyPair encodes, and we import again.
 */
const ENCODED: ED25519KeyPairOptions<'der', 'der'> = {
  publicKeyEncoding: { type: 'spki', format: 'der' },
  privateKeyEncoding: { type: 'pkcs8', format: 'der' },
};

/** Makes a private key off the main thread: PKCS#8, DER. The caller wipes it. */
export async function generatePrivateKey(algorithm: KeyAlgorithm): Promise<Buffer> {
  switch (algorithm) {
    case 'ec-p256':
      return (await generate('ec', { namedCurve: 'P-256', paramEncoding: 'named', ...ENCODED })).privateKey;
    case 'ec-p384':
      return (await generate('ec', { namedCurve: 'P-384', paramEncoding: 'named', ...ENCODED })).privateKey;
    case 'rsa-3072':
      return (await generate('rsa', { modulusLength: 3072, publicExponent: 65_537, ...ENCODED })).privateKey;
    case 'rsa-4096':
      return (await generate('rsa', { modulusLength: 4096, publicExponent: 65_537, ...ENCODED })).privateKey;
    case 'ed25519':
      return (await generate('ed25519', ENCODED)).privateKey;
  }
}
