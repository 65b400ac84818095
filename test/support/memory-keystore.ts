import {
  createPrivateKey,
  createPublicKey,
  type ED25519KeyPairOptions,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import type { Keystore, Signer } from '../../src/ca/index.ts';
import { PkiError } from '../../src/errors.ts';
import { digestOf, type KeyAlgorithm, parsePublicKey, signatureAlgorithmFor } from '../../src/x509/index.ts';

const PAIR: ED25519KeyPairOptions<'der', 'der'> = {
  publicKeyEncoding: { type: 'spki', format: 'der' },
  privateKeyEncoding: { type: 'pkcs8', format: 'der' },
};

function generate(algorithm: KeyAlgorithm): Buffer {
  switch (algorithm) {
    case 'ec-p256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256', ...PAIR }).privateKey;
    case 'ec-p384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384', ...PAIR }).privateKey;
    case 'rsa-3072':
      return generateKeyPairSync('rsa', { modulusLength: 3072, ...PAIR }).privateKey;
    case 'rsa-4096':
      return generateKeyPairSync('rsa', { modulusLength: 4096, ...PAIR }).privateKey;
    case 'ed25519':
      return generateKeyPairSync('ed25519', PAIR).privateKey;
  }
}

function signerOf(key: KeyObject): Signer {
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const algorithm = signatureAlgorithmFor(parsePublicKey(publicKey).key);
  return { algorithm, publicKey, portable: null, sign: async (tbs) => sign(digestOf(algorithm), tbs, key) };
}

/** The port's twin in memory. Records every octet string that it signed, as an outside observer would. */
export interface MemoryKeystore extends Keystore {
  readonly signed: Uint8Array[];
  /** The ids of all keys that it holds. */
  held(): readonly string[];
  /** While set, every signature fails with it. */
  failure: Error | undefined;
}

export function memoryKeystore(): MemoryKeystore {
  const keys = new Map<string, Signer>();
  const put = (keyId: string, pkcs8: Uint8Array): Signer => {
    if (keys.has(keyId)) throw new Error(`the key id ${keyId} is taken`);
    const plain = signerOf(createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' }));
    const signer: Signer = {
      ...plain,
      sign: async (tbs) => {
        if (store.failure) throw store.failure;
        store.signed.push(tbs);
        return plain.sign(tbs);
      },
    };
    keys.set(keyId, signer);
    return signer;
  };
  const store: MemoryKeystore = {
    signed: [],
    held: () => [...keys.keys()],
    failure: undefined,
    generate: async (keyId, algorithm) => put(keyId, generate(algorithm)),
    adopt: async (keyId, pkcs8) => put(keyId, pkcs8),
    open: async (keyId) => {
      const signer = keys.get(keyId);
      if (!signer) throw new PkiError('signer-unavailable', `There is no key ${keyId}.`);
      return signer;
    },
    findHeld: async () => {
      throw new PkiError('bad-request', 'Memory is no token.');
    },
    discard: async (keyId) => void keys.delete(keyId),
    destroy: async (keyId) => void keys.delete(keyId),
  };
  return store;
}
