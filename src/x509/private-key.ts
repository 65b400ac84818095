import { createCipheriv, createPrivateKey, createPublicKey, type KeyObject, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { encodeOctetString, encodePem, encodeSequence, parsePem } from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import type { SignatureAlgorithm } from './algorithms.ts';
import { encodePbes2 } from './pbes2.ts';
import { type KeyKind, type NamedCurve, type PublicKey, parsePublicKey } from './public-key.ts';

const derive = promisify(pbkdf2);

/** OWASP's figure of 2023 for PBKDF2-HMAC-SHA256. Node's own export would use 2,048. */
export const PBKDF2_ITERATIONS = 600_000;

export interface EncryptionInput {
  /** PrivateKeyInfo, DER. */
  readonly pkcs8: Uint8Array;
  readonly passphrase: string;
  /** 16 fresh random octets. */
  readonly salt: Uint8Array;
  /** 16 fresh random octets. */
  readonly iv: Uint8Array;
}

/**
 * Encrypts a private key as PKCS#8 with PBES2: PBKDF2-HMAC-SHA256, 600,000 iterations, and
 * AES-256-CBC (RFC 8018, 6.2 and appendix A). `openssl pkcs8` reads it. Returns PEM.
 */
export async function encryptPrivateKey({ pkcs8, passphrase, salt, iv }: EncryptionInput): Promise<string> {
  const key = await derive(passphrase, salt, PBKDF2_ITERATIONS, 32, 'sha256');
  const cipher = createCipheriv('aes-256-cbc', key, iv);
  const encrypted = Buffer.concat([cipher.update(pkcs8), cipher.final()]);
  const algorithm = encodePbes2({ salt, iterations: PBKDF2_ITERATIONS, iv });
  const info = encodeSequence(algorithm, encodeOctetString(encrypted));
  return encodePem('ENCRYPTED PRIVATE KEY', info);
}

/** A private key as taken in: PKCS#8 in DER, with its public half. */
export interface PrivateKey {
  readonly pkcs8: Uint8Array;
  readonly publicKey: PublicKey;
}

const KEY_LABEL = /^(?:(?:RSA|EC|ENCRYPTED) )?PRIVATE KEY$/;

/** PKCS#8's own label (RFC 7468, 11), or the header that OpenSSL writes over PKCS#1 and SEC1 (RFC 1421, 4.6.1.1). */
const ENCRYPTED = /^(?:-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: *4, *ENCRYPTED)[ \t\r]*$/m;

/** Tells whether a private key in PEM form is encrypted, by its frame alone. */
export const isPrivateKeyEncrypted = (pem: string): boolean => ENCRYPTED.test(pem);

function keyBlock(pem: string): void {
  // `openssl ecparam -genkey` writes an EC PARAMETERS block before the key.
  const blocks = parsePem(pem.replace(/^(Proc-Type|DEK-Info): .*$/gm, '')).filter(
    (b) => b.label !== 'EC PARAMETERS',
  );
  const [block, second] = blocks;
  if (block === undefined || !KEY_LABEL.test(block.label)) {
    throw new PkiError(
      'bad-pem',
      'A private key in PEM form is due (PKCS#8, PKCS#1 or SEC1; encrypted or not).',
    );
  }
  if (second !== undefined)
    throw new PkiError('bad-pem', 'There is more than one block where one private key is due.');
}

const UNREADABLE = 'The private key cannot be read: it is damaged, or of an unknown kind.';

const noPassphrase = (given: string | undefined): string =>
  given === undefined
    ? 'The private key is encrypted, and no passphrase came with it.'
    : 'The private key is encrypted, and cannot be opened: the passphrase does not fit it, or it is damaged.';

function importKey(pem: string, passphrase: string | undefined): KeyObject {
  try {
    return createPrivateKey({ key: pem, format: 'pem', ...(passphrase === undefined ? {} : { passphrase }) });
  } catch {
    // Without the cause: OpenSSL's message may quote what it read. Its codes tell no wrong passphrase from
    // damage, and a missing passphrase from nothing.
    throw new PkiError('bad-pem', isPrivateKeyEncrypted(pem) ? noPassphrase(passphrase) : UNREADABLE);
  }
}

/**
 * Reads a private key as the manuals' OpenSSL commands write it: PKCS#8, PKCS#1 or SEC1, encrypted or
 * not. Refuses `bad-pem`; nothing of the key appears in the message.
 */
export function parsePrivateKey(pem: string, passphrase?: string): PrivateKey {
  keyBlock(pem);
  const key = importKey(pem, passphrase);
  const pkcs8 = key.export({ format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return { pkcs8, publicKey: parsePublicKey(spki) };
}

/** PKCS#8 (OneAsymmetricKey) in the clear, PEM (RFC 7468, 10). */
export const encodePrivateKeyPem = (pkcs8: Uint8Array): string => encodePem('PRIVATE KEY', pkcs8);

/** The older form of a key on an elliptic curve (SEC1, RFC 5915), PEM; null for any other key. */
export function encodeEcPrivateKeyPem(pkcs8: Uint8Array): string | null {
  const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
  return key.asymmetricKeyType === 'ec' ? key.export({ format: 'pem', type: 'sec1' }).toString() : null;
}

/** What an authority with such a key signs with: the digest that fits the key's strength. */
export function signatureAlgorithmFor(key: KeyKind): SignatureAlgorithm {
  switch (key.kind) {
    case 'ec':
      return EC_SIGNATURES[key.curve];
    case 'rsa':
      return 'sha256WithRSAEncryption';
    case 'ed25519':
      return 'Ed25519';
  }
}

const EC_SIGNATURES: Record<NamedCurve, SignatureAlgorithm> = {
  'P-256': 'ecdsa-with-SHA256',
  'P-384': 'ecdsa-with-SHA384',
  'P-521': 'ecdsa-with-SHA512',
};
