import {
  checkDer,
  context,
  DerReader,
  type Element,
  elementBytes,
  encodeBitString,
  encodeElement,
  encodePem,
  encodeSequence,
  encodeSmallInteger,
  encodeTime,
  encodeUnsigned,
  parsePem,
  readBitString,
  readInteger,
  readTime,
  TAG,
} from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import type { SignatureAlgorithm } from './algorithms.ts';
import { type Extension, encodeExtensions, readExtensions } from './extensions.ts';
import { type Name, readName } from './name.ts';
import { type PublicKey, readPublicKey } from './public-key.ts';
import { sha256 } from './sha256.ts';
import { encodeSignatureAlgorithm, readSignatureAlgorithm } from './signature.ts';

/** What a tbsCertificate says, every field explicit (RFC 5280, 4.1.2). */
export interface TbsContent {
  /** Magnitude octets, big-endian: 1 to 20, the first not zero. */
  readonly serial: Uint8Array;
  readonly algorithm: SignatureAlgorithm;
  /** Name, DER. */
  readonly issuer: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Name, DER. */
  readonly subject: Uint8Array;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  readonly extensions: readonly Extension[];
}

/** A certificate as read: strict DER, version 3. */
export interface Certificate {
  readonly der: Uint8Array;
  readonly tbs: Uint8Array;
  readonly serial: Uint8Array;
  readonly algorithm: SignatureAlgorithm;
  readonly issuer: Name;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly subject: Name;
  readonly publicKey: PublicKey;
  readonly extensions: readonly Extension[];
  readonly signature: Uint8Array;
}

const VERSION_3 = 2;

/** Encodes a tbsCertificate. The one production encoder: what it writes is what gets signed. */
export function encodeTbs(content: TbsContent): Uint8Array {
  // Extensions is SEQUENCE SIZE (1..MAX): without any, the field is left out (RFC 5280, 4.1).
  const extensions =
    content.extensions.length === 0
      ? []
      : [encodeElement(context(3, 'constructed'), encodeExtensions(content.extensions))];
  return encodeSequence(
    encodeElement(context(0, 'constructed'), encodeSmallInteger(VERSION_3)),
    encodeUnsigned(content.serial),
    encodeSignatureAlgorithm(content.algorithm),
    content.issuer,
    encodeSequence(encodeTime(content.notBefore), encodeTime(content.notAfter)),
    content.subject,
    content.publicKey,
    ...extensions,
  );
}

/** Puts a signed tbsCertificate together. */
export const assembleCertificate = (
  tbs: Uint8Array,
  algorithm: SignatureAlgorithm,
  signature: Uint8Array,
): Uint8Array => encodeSequence(tbs, encodeSignatureAlgorithm(algorithm), encodeBitString(signature));

function verifyVersion(reader: DerReader): void {
  // Version 1 is the default, which DER leaves out.
  const wrapped = reader.optional(context(0, 'constructed'));
  const inside = wrapped && DerReader.inside(wrapped);
  const [version, ...more] = inside?.integer('the version') ?? [];
  if (version !== VERSION_3 || more.length > 0) {
    throw new PkiError('bad-ca-certificate', 'The certificate is not of version 3.');
  }
  inside?.end('the version');
}

/** The whole of what a tbsCertificate says, and its AlgorithmIdentifier as it stands there. */
function readTbs(element: Element): { body: Omit<Certificate, 'der' | 'signature'>; identifier: Uint8Array } {
  const reader = DerReader.inside(element);
  verifyVersion(reader);
  const serial = readInteger(reader.expect(TAG.integer, 'the serial number'));
  const signature = reader.expect(TAG.sequence, "the signature's algorithm");
  const algorithm = readSignatureAlgorithm(signature);
  const issuer = readName(reader.expect(TAG.sequence, 'the issuer'));
  const validity = reader.sequence('the validity');
  const notBefore = readTime(validity.any());
  const notAfter = readTime(validity.any());
  validity.end('the validity');
  const subject = readName(reader.expect(TAG.sequence, 'the subject'));
  const publicKey = readPublicKey(reader.expect(TAG.sequence, 'the public key'));
  const wrapped = reader.optional(context(3, 'constructed'));
  reader.end('the extensions');
  const list = wrapped && DerReader.inside(wrapped);
  const extensions = list ? readExtensions(list.expect(TAG.sequence, 'the extensions')) : [];
  list?.end('the extensions');
  const tbs = elementBytes(element);
  return {
    body: { tbs, serial, algorithm, issuer, notBefore, notAfter, subject, publicKey, extensions },
    identifier: elementBytes(signature),
  };
}

/** Reads a tbsCertificate of version 3 from its own octets; nothing may follow it. */
export function parseTbs(tbs: Uint8Array): Omit<Certificate, 'der' | 'signature'> {
  const reader = new DerReader(tbs);
  const element = reader.expect(TAG.sequence, 'the certificate');
  reader.end('the certificate');
  return readTbs(element).body;
}

/** Reads a certificate from DER; nothing may follow it. */
export function parseCertificate(der: Uint8Array): Certificate {
  checkDer(der);
  const reader = new DerReader(der).sequence('the certificate');
  const tbs = reader.expect(TAG.sequence, 'the certificate');
  const outer = reader.expect(TAG.sequence, "the signature's algorithm");
  const { bits, unused } = readBitString(reader.expect(TAG.bitString, 'the signature'));
  reader.end('the signature');
  const { body, identifier } = readTbs(tbs);
  // RFC 5280, 4.1.1.2: both must be the same, to the octet, or an attacker could swap the outer one.
  if (Buffer.compare(elementBytes(outer), identifier) !== 0) {
    throw new PkiError('bad-ca-certificate', 'The certificate names two different signature algorithms.');
  }
  if (unused !== 0)
    throw new PkiError('bad-ca-certificate', 'The signature is not a whole number of octets.');
  return { der, ...body, signature: bits };
}

/** All certificates of a PEM text, in order. Refuses `bad-pem` where there is none, or something else. */
export function parseCertificates(pem: string): readonly Certificate[] {
  const blocks = parsePem(pem);
  const stranger = blocks.find((block) => block.label !== 'CERTIFICATE');
  if (stranger !== undefined) {
    throw new PkiError('bad-pem', `Certificates are due; there is a block labelled ${stranger.label}.`);
  }
  if (blocks.length === 0) throw new PkiError('bad-pem', 'There is no certificate in PEM form.');
  return blocks.map((block) => parseCertificate(block.der));
}

export const encodeCertificatePem = (der: Uint8Array): string => encodePem('CERTIFICATE', der);

/** SHA-256 of the DER: the certificate's identity. */
export const certificateFingerprint = (der: Uint8Array): Uint8Array => sha256(der);

export const findExtension = (
  certificate: Pick<Certificate, 'extensions'>,
  oid: string,
): Extension | undefined => certificate.extensions.find((extension) => extension.oid === oid);
