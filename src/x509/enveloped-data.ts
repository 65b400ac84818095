import {
  constants,
  createCipheriv,
  createECDH,
  createHash,
  type ECDH,
  type KeyObject,
  publicEncrypt,
} from 'node:crypto';
import {
  context,
  encodeBitString,
  encodeElement,
  encodeNull,
  encodeOctetString,
  encodeOid,
  encodeSequence,
  encodeSetOf,
  encodeSmallInteger,
  OID,
  TAG,
} from '../asn1/index.ts';
import type { Random } from '../random.ts';
import type { Recipient, RecipientCurve } from './recipient.ts';

const KEY_OCTETS = 32;
const IV_OCTETS = 16;

const explicit = (n: number, ...parts: readonly Uint8Array[]): Uint8Array =>
  encodeElement(context(n, 'constructed'), ...parts);

/** AlgorithmIdentifier; parameters are absent where none are given. */
const algorithm = (oid: string, ...parameters: readonly Uint8Array[]): Uint8Array =>
  encodeSequence(encodeOid(oid), ...parameters);

/** RFC 4055, 2.1: NULL parameters. */
const SHA_256 = algorithm(OID.sha256, encodeNull());

/** RSAES-OAEP with SHA-256 for hash and mask (RFC 8017, A.2.1); the empty label is the default, left out. */
const RSA_OAEP = algorithm(
  OID.rsaesOaep,
  encodeSequence(explicit(0, SHA_256), explicit(1, algorithm(OID.mgf1, SHA_256))),
);

/** RFC 3565, 2.3.2: parameters absent. */
const AES_256_WRAP = algorithm(OID.aes256Wrap);

/** ECDH with the X9.63 KDF on SHA-256, and how the key that comes of it wraps (RFC 5753, 7.1.4). */
const ECDH_AND_WRAP = algorithm(OID.ecdhSha256Kdf, AES_256_WRAP);

/** RFC 3394, 2.2.3.1. */
const WRAP_IV = Buffer.from('a6a6a6a6a6a6a6a6', 'hex');

/** ECC-CMS-SharedInfo (RFC 5753, 7.2): the wrap algorithm, and the length of its key in bits. */
const SHARED_INFO = encodeSequence(AES_256_WRAP, explicit(2, encodeOctetString(Uint8Array.of(0, 0, 1, 0))));
const FIRST_COUNTER = Uint8Array.of(0, 0, 0, 1);

/** Parts that each envelope has alike, written once: an envelope a row is many. */
const DATA = encodeOid(OID.data);
const ENVELOPED_DATA = encodeOid(OID.envelopedData);
const AES_256_CBC = encodeOid(OID.aes256Cbc);
/** RFC 5753, 3.1.1: the curve is the recipient's, and stays out of the originator's algorithm. */
const ORIGINATOR = algorithm(OID.ecPublicKey);
const VERSION_0 = encodeSmallInteger(0);
const VERSION_2 = encodeSmallInteger(2);
const VERSION_3 = encodeSmallInteger(3);

const GROUPS = {
  'P-256': { name: 'prime256v1', octets: 32 },
  'P-384': { name: 'secp384r1', octets: 48 },
} as const;

/** RFC 5652, 10.2.4. The serial's octets as they stand in the certificate. */
const issuerAndSerial = ({ certificate }: Recipient): Uint8Array =>
  encodeSequence(certificate.issuer.der, encodeElement(TAG.integer, certificate.serial));

/** KeyTransRecipientInfo (RFC 5652, 6.2.1): version 0 goes with issuerAndSerialNumber. */
function transport(recipient: Recipient, key: KeyObject, contentKey: Uint8Array): Uint8Array {
  const padding = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
  const encrypted = publicEncrypt({ key, ...padding }, contentKey);
  return encodeSequence(VERSION_0, issuerAndSerial(recipient), RSA_OAEP, encodeOctetString(encrypted));
}

/** A key pair for one agreement. Octets that are no scalar of the group (one in 2^32) are drawn anew. */
function drawEphemeral(curve: RecipientCurve, random: Random): ECDH {
  const { name, octets } = GROUPS[curve];
  for (;;) {
    const ecdh = createECDH(name);
    const scalar = random.bytes(octets);
    try {
      ecdh.setPrivateKey(scalar);
      return ecdh;
    } catch (failure) {
      if ((failure as { code?: unknown }).code !== 'ERR_CRYPTO_INVALID_KEYTYPE') throw failure;
    } finally {
      scalar.fill(0);
    }
  }
}

/** X9.63 KDF (SEC 1, 3.6.1): one round of SHA-256 gives the 256 bits that are due. */
const deriveWrapKey = (secret: Uint8Array): Buffer =>
  createHash('sha256').update(secret).update(FIRST_COUNTER).update(SHARED_INFO).digest();

function wrap(wrapKey: Uint8Array, contentKey: Uint8Array): Uint8Array {
  const cipher = createCipheriv('id-aes256-wrap', wrapKey, WRAP_IV);
  return Buffer.concat([cipher.update(contentKey), cipher.final()]);
}

/** Wraps content keys for one recipient: RecipientInfo, DER. */
interface KeyWrapping {
  wrap(contentKey: Uint8Array): Uint8Array;
  /** Forgets what it wraps with. */
  end(): void;
}

/** KeyAgreeRecipientInfo (RFC 5652, 6.2.2; RFC 5753, 3.1.1): ephemeral-static ECDH, agreed upon once. */
function agree(
  recipient: Recipient,
  { curve, point }: { readonly curve: RecipientCurve; readonly point: Uint8Array },
  random: Random,
): KeyWrapping {
  const ephemeral = drawEphemeral(curve, random);
  const secret = ephemeral.computeSecret(point);
  const wrapKey = deriveWrapKey(secret);
  secret.fill(0);
  const originatorKey = explicit(
    1,
    ORIGINATOR,
    encodeBitString(ephemeral.getPublicKey(null, 'uncompressed')),
  );
  const originator = explicit(0, originatorKey);
  const identifier = issuerAndSerial(recipient);
  return {
    wrap: (contentKey) => {
      const wrapped = encodeOctetString(wrap(wrapKey, contentKey));
      const encryptedKeys = encodeSequence(encodeSequence(identifier, wrapped));
      return explicit(1, VERSION_3, originator, ECDH_AND_WRAP, encryptedKeys);
    },
    end: () => wrapKey.fill(0),
  };
}

function wrappingFor(recipient: Recipient, random: Random): KeyWrapping {
  const { key } = recipient;
  if (key.kind === 'agreement') return agree(recipient, key, random);
  return { wrap: (contentKey) => transport(recipient, key.key, contentKey), end: () => undefined };
}

/** Encrypts several contents for one recipient. */
export interface Envelopes {
  /**
   * EnvelopedData (RFC 5652, 6) in a ContentInfo, DER. The content has the type id-data and goes under
   * AES-256-CBC with a key of its own, as RFC 3565 has it: authenticated encryption would be another
   * structure (AuthEnvelopedData, RFC 5083), which `openssl cms` of 3.0 cannot be relied on to open. So
   * the envelope keeps a secret and vouches for nothing: whether the key in it is right shows in the
   * certificate.
   */
  encode(content: Uint8Array): Uint8Array;
  /** Forgets what was agreed upon; nothing is encrypted after it. */
  end(): void;
}

/**
 * Opens envelopes for one recipient. An RSA recipient gets each content key by RSAES-OAEP, never by
 * PKCS#1 v1.5; an EC recipient by ephemeral-static ECDH, agreed upon once for all that are encoded until
 * `end`: no longer than what they hold lies in memory in the clear. `random` must be secure; it is asked
 * anew for each content key and each IV.
 */
export function openEnvelopes(recipient: Recipient, random: Random): Envelopes {
  const wrapping = wrappingFor(recipient, random);
  // RFC 5652, 6.1: version 0 where all recipients are of version 0, else 2.
  const version = recipient.key.kind === 'transport' ? VERSION_0 : VERSION_2;
  let hasEnded = false;
  return {
    encode: (content) => {
      // What it would wrap with is all zeros now.
      if (hasEnded) throw new Error('an envelope was asked for when there were to be no more');
      const drawn = random.bytes(KEY_OCTETS + IV_OCTETS);
      const contentKey = drawn.subarray(0, KEY_OCTETS);
      const iv = drawn.subarray(KEY_OCTETS);
      const cipher = createCipheriv('aes-256-cbc', contentKey, iv);
      const encrypted = Buffer.concat([cipher.update(content), cipher.final()]);
      const info = wrapping.wrap(contentKey);
      contentKey.fill(0);
      const encryptedContent = encodeSequence(
        DATA,
        encodeSequence(AES_256_CBC, encodeOctetString(iv)),
        encodeElement(context(0, 'primitive'), encrypted),
      );
      return encodeSequence(
        ENVELOPED_DATA,
        explicit(0, encodeSequence(version, encodeSetOf(info), encryptedContent)),
      );
    },
    end: () => {
      hasEnded = true;
      wrapping.end();
    },
  };
}

/** Encrypts one content for one recipient (see `openEnvelopes`). */
export function encodeEnvelopedData(content: Uint8Array, recipient: Recipient, random: Random): Uint8Array {
  const envelopes = openEnvelopes(recipient, random);
  try {
    return envelopes.encode(content);
  } finally {
    envelopes.end();
  }
}
