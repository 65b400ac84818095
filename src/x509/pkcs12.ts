import { createCipheriv, createHmac, pbkdf2Sync } from 'node:crypto';
import {
  context,
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
import { encodePbes2 } from './pbes2.ts';
import { DIGEST_OCTETS, derivePkcs12Key, encodePkcs12Passphrase } from './pkcs12-kdf.ts';
import { sha256 } from './sha256.ts';

/** What a PKCS#12 file holds. */
export interface Pkcs12Contents {
  /** PKCS#8, DER; null for certificates alone. */
  readonly privateKey: Uint8Array | null;
  /** DER: the key's own first, then CAs in the order given. */
  readonly certificates: readonly Uint8Array[];
  /** The name of key and certificate; null for none. */
  readonly friendlyName: string | null;
}

/** How a file is protected: as every stack reads it, or as one protects something today. */
export type Pkcs12Protection = 'pbe-sha1-3des' | 'pbes2-aes256';

export interface Pkcs12Options {
  /** '' is the empty passphrase of the OTA tools, which protects nothing. */
  readonly passphrase: string;
  readonly protection: Pkcs12Protection;
  readonly random: Random;
}

/** As OpenSSL has it: older stacks may not take more. */
const ITERATIONS_3DES = 2048;
/** As the JDK has it. Who tries passphrases does so at the MAC; a passphrase must be strong by itself. */
const ITERATIONS_AES = 10_000;

interface Scheme {
  readonly digest: 'sha1' | 'sha256';
  readonly digestOid: string;
  readonly saltOctets: number;
  readonly iterations: number;
  /** AlgorithmIdentifier and what it makes of the octets. */
  encrypt(octets: Uint8Array, options: Pkcs12Options): readonly [Uint8Array, Uint8Array];
}

function encryptTripleDes(octets: Uint8Array, { passphrase, random }: Pkcs12Options) {
  const salt = random.bytes(8);
  const iterations = ITERATIONS_3DES;
  const common = {
    digest: 'sha1',
    passphrase: encodePkcs12Passphrase(passphrase),
    salt,
    iterations,
  } as const;
  const key = derivePkcs12Key({ ...common, purpose: 'key', length: 24 });
  const iv = derivePkcs12Key({ ...common, purpose: 'iv', length: 8 });
  const cipher = createCipheriv('des-ede3-cbc', key, iv);
  const parameters = encodeSequence(encodeOctetString(salt), encodeSmallInteger(iterations));
  const algorithm = encodeSequence(encodeOid(OID.pbeWithShaAnd3KeyTripleDes), parameters);
  return [algorithm, Buffer.concat([cipher.update(octets), cipher.final()])] as const;
}

function encryptAes(octets: Uint8Array, { passphrase, random }: Pkcs12Options) {
  const salt = random.bytes(16);
  const iv = random.bytes(16);
  const iterations = ITERATIONS_AES;
  // RFC 8018: PBKDF2 takes the octets of the passphrase, here and in OpenSSL and Java those of UTF-8.
  const key = pbkdf2Sync(passphrase, salt, iterations, 32, 'sha256');
  const cipher = createCipheriv('aes-256-cbc', key, iv);
  return [
    encodePbes2({ salt, iterations, iv }),
    Buffer.concat([cipher.update(octets), cipher.final()]),
  ] as const;
}

const SCHEMES: Readonly<Record<Pkcs12Protection, Scheme>> = {
  'pbe-sha1-3des': {
    digest: 'sha1',
    digestOid: OID.sha1,
    saltOctets: 8,
    iterations: ITERATIONS_3DES,
    encrypt: encryptTripleDes,
  },
  'pbes2-aes256': {
    digest: 'sha256',
    digestOid: OID.sha256,
    saltOctets: 16,
    iterations: ITERATIONS_AES,
    encrypt: encryptAes,
  },
};

const explicit = (n: number, ...parts: readonly Uint8Array[]): Uint8Array =>
  encodeElement(context(n, 'constructed'), ...parts);

const attribute = (oid: string, value: Uint8Array): Uint8Array =>
  encodeSequence(encodeOid(oid), encodeSetOf(value));

/** SafeBag (RFC 7292, 4.2). */
const bag = (oid: string, value: Uint8Array, attributes: readonly Uint8Array[]): Uint8Array =>
  encodeSequence(
    encodeOid(oid),
    explicit(0, value),
    ...(attributes.length === 0 ? [] : [encodeSetOf(...attributes)]),
  );

const certificateBag = (der: Uint8Array, attributes: readonly Uint8Array[]): Uint8Array =>
  bag(
    OID.certBag,
    encodeSequence(encodeOid(OID.x509Certificate), explicit(0, encodeOctetString(der))),
    attributes,
  );

const friendlyNameAttributes = (name: string | null): readonly Uint8Array[] =>
  name === null
    ? []
    : [attribute(OID.friendlyName, encodeElement(TAG.bmpString, Buffer.from(name, 'utf16le').swap16()))];

/** Without it Java has no certificate that stands alone for trusted. */
const TRUSTED = attribute(OID.trustedKeyUsage, encodeOid(OID.anyExtendedKeyUsage));

/** The attributes of the certificate at `index`: those of the key on its own, which name and bind the pair. */
function certificateAttributes(contents: Pkcs12Contents, index: number, own: readonly Uint8Array[]) {
  if (contents.privateKey !== null) return index === 0 ? own : [];
  return [...(index === 0 ? own : []), TRUSTED];
}

const dataContent = (octets: Uint8Array): Uint8Array =>
  encodeSequence(encodeOid(OID.data), explicit(0, encodeOctetString(octets)));

/** EncryptedData (RFC 5652, 8) in a ContentInfo. */
function encryptedContent(algorithm: Uint8Array, encrypted: Uint8Array): Uint8Array {
  const content = encodeSequence(
    encodeOid(OID.data),
    algorithm,
    encodeElement(context(0, 'primitive'), encrypted),
  );
  return encodeSequence(
    encodeOid(OID.encryptedData),
    explicit(0, encodeSequence(encodeSmallInteger(0), content)),
  );
}

/** MacData (RFC 7292, 4). */
function encodeMac(scheme: Scheme, octets: Uint8Array, { passphrase, random }: Pkcs12Options): Uint8Array {
  const { digest, iterations } = scheme;
  const salt = random.bytes(scheme.saltOctets);
  const key = derivePkcs12Key({
    digest,
    purpose: 'mac',
    passphrase: encodePkcs12Passphrase(passphrase),
    salt,
    iterations,
    length: DIGEST_OCTETS[digest],
  });
  const mac = createHmac(digest, key).update(octets).digest();
  const algorithm = encodeSequence(encodeOid(scheme.digestOid), encodeNull());
  return encodeSequence(
    encodeSequence(algorithm, encodeOctetString(mac)),
    encodeOctetString(salt),
    encodeSmallInteger(iterations),
  );
}

/**
 * Encodes a PKCS#12 file, DER (RFC 7292): the certificates in one encrypted safe, the key shrouded in
 * another, a MAC over both. `random` is asked anew for each salt. Whether key and certificate belong
 * together is the caller's to know.
 */
export function encodePkcs12(contents: Pkcs12Contents, options: Pkcs12Options): Uint8Array {
  const scheme = SCHEMES[options.protection];
  const { privateKey, certificates, friendlyName } = contents;
  const [first] = certificates;
  const own = [
    ...friendlyNameAttributes(friendlyName),
    ...(privateKey === null || first === undefined
      ? []
      : [attribute(OID.localKeyId, encodeOctetString(sha256(first)))]),
  ];
  const bags = certificates.map((der, i) => certificateBag(der, certificateAttributes(contents, i, own)));
  const safes = [
    ...(bags.length === 0 ? [] : [encryptedContent(...scheme.encrypt(encodeSequence(...bags), options))]),
    ...(privateKey === null ? [] : [dataContent(encodeSequence(shroud(scheme, privateKey, own, options)))]),
  ];
  const authenticated = encodeSequence(...safes);
  return encodeSequence(
    encodeSmallInteger(3),
    dataContent(authenticated),
    encodeMac(scheme, authenticated, options),
  );
}

/** The key as EncryptedPrivateKeyInfo (RFC 5958, 3) in its bag. */
function shroud(
  scheme: Scheme,
  privateKey: Uint8Array,
  attributes: readonly Uint8Array[],
  options: Pkcs12Options,
): Uint8Array {
  const [algorithm, encrypted] = scheme.encrypt(privateKey, options);
  return bag(OID.shroudedKeyBag, encodeSequence(algorithm, encodeOctetString(encrypted)), attributes);
}
