import { type ED25519KeyPairOptions, generateKeyPairSync } from 'node:crypto';
import type { KeyMaker } from '../enrollment/index.ts';
import type { DeviceKeyAlgorithm } from '../x509/index.ts';

/**
 * Node 20 can hang for ever when a KeyObject that comes straight from generateKeyPair is exported while
 * garbage is collected. So it encodes for us.
 */
const ENCODED: ED25519KeyPairOptions<'der', 'der'> = {
  publicKeyEncoding: { type: 'spki', format: 'der' },
  privateKeyEncoding: { type: 'pkcs8', format: 'der' },
};

function generate(algorithm: DeviceKeyAlgorithm) {
  switch (algorithm) {
    case 'ec-p256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'named', ...ENCODED });
    case 'ec-p384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384', paramEncoding: 'named', ...ENCODED });
    case 'rsa-2048':
      return generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 65_537, ...ENCODED });
    case 'rsa-3072':
      return generateKeyPairSync('rsa', { modulusLength: 3072, publicExponent: 65_537, ...ENCODED });
    case 'ed25519':
      return generateKeyPairSync('ed25519', ENCODED);
  }
}

/** Makes a device's key in the thread that asks: in a worker, where waiting for it holds nobody up. */
export const makeDeviceKey: KeyMaker = (algorithm) => {
  const { privateKey, publicKey } = generate(algorithm);
  return { pkcs8: privateKey, spki: publicKey };
};
