import {
  constants,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  type SignKeyObjectInput,
  sign,
} from 'node:crypto';
import { promisify } from 'node:util';
import type { Signer } from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import {
  digestOf,
  importPublicKey,
  isSignatureValid,
  parsePublicKey,
  type SignatureAlgorithm,
  signatureAlgorithmFor,
} from '../x509/index.ts';

type SignOctets = (octets: Uint8Array) => Promise<Uint8Array>;

const signInPool = promisify<string | null, Uint8Array, SignKeyObjectInput, Buffer>(sign);

/**
 * Elliptic curves sign in tens of microseconds: a trip through the thread pool would cost more. RSA
 * takes milliseconds, which are spent there.
 */
function signWith(algorithm: SignatureAlgorithm, key: KeyObject): SignOctets {
  const digest = digestOf(algorithm);
  if (key.asymmetricKeyType === 'rsa') {
    return (octets) => signInPool(digest, octets, { key, padding: constants.RSA_PKCS1_PADDING });
  }
  return async (octets) => sign(digest, octets, { key, dsaEncoding: 'der' });
}

/** What a key signs once when it is opened. Not DER, so it is no part of a certificate. */
const PROBE = Buffer.from('fleetca: a private key and its public half');

/** A signer, and its private key in the one encoding that is stored. */
export interface OpenedKey {
  readonly signer: Signer;
  readonly pkcs8: Buffer;
}

/**
 * Makes a signer of a private key (PKCS#8, DER). The key has signed once when this resolves: one that
 * does not fit its own public half (a damaged file can decrypt to such) rejects with `broken-key`.
 * Rejects with `bad-key`, `curve-not-allowed` or `algorithm-not-allowed` for what we do not sign with.
 */
export async function openKey(keyId: string, encoded: Uint8Array): Promise<OpenedKey> {
  const key = importPkcs8(encoded);
  const publicKey = parsePublicKey(createPublicKey(key).export({ format: 'der', type: 'spki' }));
  const algorithm = signatureAlgorithmFor(publicKey.key);
  const signOctets = signWith(algorithm, key);

  const signer: Signer = {
    algorithm,
    portable: key,
    publicKey: publicKey.spki,
    sign: async (tbs) => {
      try {
        return await signOctets(tbs);
      } catch (cause) {
        throw new PkiError('signer-unavailable', `The key ${keyId} cannot sign now.`, {
          cause,
          facts: { keyId },
        });
      }
    },
  };

  const signature = await signer.sign(PROBE);
  if (!isSignatureValid(algorithm, publicKey.key.kind, importPublicKey(publicKey), PROBE, signature)) {
    throw new PkiError('broken-key', 'The private key does not fit its own public half.', {
      facts: { keyId },
    });
  }
  return { signer, pkcs8: key.export({ format: 'der', type: 'pkcs8' }) };
}

function importPkcs8(encoded: Uint8Array): KeyObject {
  try {
    const key = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength);
    return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  } catch {
    // Without the cause: the library's message may quote what it read.
    throw new PkiError('bad-key', 'The private key cannot be read as PKCS#8.');
  }
}
