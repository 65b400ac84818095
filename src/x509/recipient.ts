import type { KeyObject } from 'node:crypto';
import { OID } from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import { type Certificate, findExtension, parseCertificate } from './certificate.ts';
import { type KeyUsage, readKeyUsage } from './extensions.ts';
import { importPublicKey, type KeyKind } from './public-key.ts';
import { sha256 } from './sha256.ts';

/** Curves that a recipient's key may lie on. */
export type RecipientCurve = 'P-256' | 'P-384';

/** How a content key reaches a recipient: encrypted with its RSA key, or agreed on with its EC key. */
export type RecipientKey =
  | { readonly kind: 'transport'; readonly key: KeyObject }
  | {
      readonly kind: 'agreement';
      readonly curve: RecipientCurve;
      /** The point, uncompressed. */
      readonly point: Uint8Array;
    };

/** SP 800-131A: RSA under 2048 bits protects nothing any longer. */
const MIN_RSA_BITS = 2048;
/** What the cryptographic library encrypts with in bounded time. */
const MAX_RSA_BITS = 8192;

/** Somebody whom content may be encrypted for: a certificate that was judged. Whether it is alive is asked apart. */
class RecipientProof {
  readonly certificate: Certificate;
  readonly key: RecipientKey;
  /** SHA-256 of the certificate: who the recipient is. */
  readonly digest: Uint8Array;
  readonly #judged = true;

  constructor(certificate: Certificate, key: RecipientKey) {
    this.certificate = certificate;
    this.key = key;
    this.digest = sha256(certificate.der);
  }

  get isJudged(): boolean {
    return this.#judged;
  }
}
export type Recipient = RecipientProof;

function refuse(message: string, cause?: unknown): never {
  throw new PkiError('bad-recipient', `The recipient's certificate cannot be used: ${message}`, { cause });
}

function readCertificate(der: Uint8Array): Certificate {
  try {
    return parseCertificate(der);
  } catch (cause) {
    if (!(cause instanceof PkiError)) throw cause;
    return refuse(cause.message, cause);
  }
}

function verifySize(key: Extract<KeyKind, { kind: 'rsa' }>): void {
  if (key.modulusBits >= MIN_RSA_BITS && key.modulusBits <= MAX_RSA_BITS) return;
  refuse(`its RSA key has ${key.modulusBits} bits; ${MIN_RSA_BITS} to ${MAX_RSA_BITS} are taken.`);
}

/** The key, and the usage that keyUsage must have where it is there (RFC 5280, 4.2.1.3). */
function keyOf({ publicKey }: Certificate): { readonly key: RecipientKey; readonly usage: KeyUsage } {
  const { key } = publicKey;
  if (key.kind === 'ed25519') return refuse('an Ed25519 key signs and cannot be encrypted for.');
  if (key.kind === 'ec' && key.curve === 'P-521')
    return refuse('its key is on P-521; P-256 and P-384 are taken.');
  // Also for EC: a point off its curve would give the ephemeral key away.
  const imported = importPublicKey(publicKey);
  if (key.kind === 'ec') {
    const { curve } = key as { readonly curve: RecipientCurve };
    return { key: { kind: 'agreement', curve, point: publicKey.keyBits }, usage: 'keyAgreement' };
  }
  verifySize(key);
  return { key: { kind: 'transport', key: imported }, usage: 'keyEncipherment' };
}

function verifyUsage(certificate: Certificate, usage: KeyUsage): void {
  const extension = findExtension(certificate, OID.keyUsage);
  if (extension && !readKeyUsage(extension).includes(usage)) refuse(`its keyUsage has not ${usage}.`);
}

/**
 * Reads the certificate of a recipient, DER: RSA of 2048 to 8192 bits, or EC on P-256 or P-384, with
 * keyEncipherment or keyAgreement where keyUsage is there. Who issued it is not asked: whoever names a
 * recipient vouches for it. Refuses `bad-recipient`.
 */
export function parseRecipient(der: Uint8Array): Recipient {
  const certificate = readCertificate(der);
  try {
    const { key, usage } = keyOf(certificate);
    verifyUsage(certificate, usage);
    return new RecipientProof(certificate, key);
  } catch (cause) {
    if (!(cause instanceof PkiError) || cause.code === 'bad-recipient') throw cause;
    return refuse(cause.message, cause);
  }
}

/** Refuses `bad-recipient` where the certificate is not yet, or no longer, valid. */
export function verifyRecipientAlive({ certificate }: Recipient, now: Date): void {
  if (now < certificate.notBefore) refuse(`it begins on ${certificate.notBefore.toISOString()}.`);
  if (now >= certificate.notAfter) refuse(`it ended on ${certificate.notAfter.toISOString()}.`);
}
