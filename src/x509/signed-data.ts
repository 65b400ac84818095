import { createHash } from 'node:crypto';
import {
  checkDer,
  contentBytes,
  context,
  DerReader,
  type Element,
  elementBytes,
  encodeElement,
  encodeNull,
  encodeOctetString,
  encodeOid,
  encodeSequence,
  encodeSetOf,
  encodeSmallInteger,
  encodeTime,
  encodeUnsigned,
  OID,
  readInteger,
  readOid,
  readTime,
  TAG,
} from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import type { SignatureAlgorithm } from './algorithms.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { importPublicKey } from './public-key.ts';
import { digestOf, encodeSignatureAlgorithm, isSignatureValid, readSignatureAlgorithm } from './signature.ts';

/** A detached signature over a file (CMS SignedData, RFC 5652, 5), as read: one signer, whose certificate is in it. */
export interface DetachedSignature {
  readonly certificate: Certificate;
  readonly signedAt: Date;
  readonly contentDigest: Uint8Array;
  readonly algorithm: SignatureAlgorithm;
  /** The signed attributes, DER, under the tag of a SET: what was signed. */
  readonly attributes: Uint8Array;
  readonly signature: Uint8Array;
}

const DIGEST_OIDS = { sha256: OID.sha256, sha384: OID.sha384, sha512: OID.sha512 } as const;
const VERSION_1 = 1;

/** The digest of content and attributes. Ed25519 has none: OpenSSL 3.0 verifies no CMS by it. */
function hashOf(algorithm: SignatureAlgorithm): keyof typeof DIGEST_OIDS {
  const hash = digestOf(algorithm);
  if (hash !== null) return hash;
  throw new PkiError('algorithm-not-allowed', `Files are not signed with ${algorithm}.`);
}

const attribute = (type: string, value: Uint8Array): Uint8Array =>
  encodeSequence(encodeOid(type), encodeSetOf(value));

/**
 * The octets that a signer signs for a file (RFC 5652, 5.4): a SET, so that they can be taken for no certificate,
 * request or CRL, which are SEQUENCEs. Refuses `algorithm-not-allowed`.
 */
export function encodeSignedAttributes(
  algorithm: SignatureAlgorithm,
  content: Uint8Array,
  signedAt: Date,
): Uint8Array {
  const digest = createHash(hashOf(algorithm)).update(content).digest();
  return encodeSetOf(
    attribute(OID.contentType, encodeOid(OID.data)),
    attribute(OID.signingTime, encodeTime(signedAt)),
    attribute(OID.messageDigest, encodeOctetString(digest)),
  );
}

/** The SET under the tag that it has in SignerInfo. */
function underTagZero(attributes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(attributes);
  copy[0] = context(0, 'constructed');
  return copy;
}

/** Puts a signature over a file together, DER. `attributes` as `encodeSignedAttributes` gave them. */
export function assembleDetachedSignature(
  certificate: Certificate,
  algorithm: SignatureAlgorithm,
  attributes: Uint8Array,
  signature: Uint8Array,
): Uint8Array {
  const digest = encodeSequence(encodeOid(DIGEST_OIDS[hashOf(algorithm)]));
  const signer = encodeSequence(
    encodeSmallInteger(VERSION_1),
    encodeSequence(certificate.issuer.der, encodeUnsigned(certificate.serial)),
    digest,
    underTagZero(attributes),
    // RFC 3370, 3.2: for RSA the key's own identifier would do as well.
    encodeSignatureAlgorithm(algorithm),
    encodeOctetString(signature),
  );
  const signedData = encodeSequence(
    encodeSmallInteger(VERSION_1),
    encodeSetOf(digest),
    encodeSequence(encodeOid(OID.data)),
    encodeElement(context(0, 'constructed'), certificate.der),
    encodeSetOf(signer),
  );
  return encodeSequence(encodeOid(OID.signedData), encodeElement(context(0, 'constructed'), signedData));
}

function malformed(message: string): never {
  throw new PkiError('bad-der', message);
}

function verifyVersion(reader: DerReader): void {
  const version = readInteger(reader.expect(TAG.integer, 'the version'));
  if (version.length !== 1 || version[0] !== VERSION_1) malformed('The SignedData is not of version 1.');
}

/** AlgorithmIdentifier of a digest; NULL parameters stand in what others write (RFC 5754, 2). */
function readDigest(element: Element): string {
  const reader = DerReader.inside(element);
  const oid = reader.oid('the digest');
  const parameters = reader.atEnd ? undefined : reader.any();
  if (parameters && Buffer.compare(elementBytes(parameters), encodeNull()) !== 0)
    malformed('The digest of the SignedData has parameters.');
  reader.end('the digest');
  return oid;
}

function readAttributes(attributes: Uint8Array): ReadonlyMap<string, Element> {
  const list = DerReader.inside(new DerReader(attributes).expect(TAG.set, 'the signed attributes'));
  const found = new Map<string, Element>();
  while (!list.atEnd) {
    const one = list.sequence('an attribute');
    const type = one.oid("an attribute's type");
    const values = DerReader.inside(one.expect(TAG.set, "an attribute's values"));
    one.end('an attribute');
    if (found.has(type)) malformed('A signed attribute stands twice.');
    found.set(type, values.any());
    values.end("an attribute's values");
  }
  return found;
}

function attributeOf(found: ReadonlyMap<string, Element>, type: string, tag?: number): Element {
  const value = found.get(type);
  if (!value || (tag !== undefined && value.tag !== tag)) return malformed('A signed attribute is missing.');
  return value;
}

interface SignerInfo {
  readonly issuer: Uint8Array;
  readonly serial: Uint8Array;
  readonly digest: string;
  readonly attributes: Uint8Array;
  readonly algorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
}

function readSigner(signers: DerReader): SignerInfo {
  const reader = signers.sequence('the signer');
  signers.end('the signers');
  verifyVersion(reader);
  const id = reader.sequence("the signer's certificate");
  const issuer = elementBytes(id.expect(TAG.sequence, 'the issuer'));
  const serial = readInteger(id.expect(TAG.integer, 'the serial number'));
  id.end("the signer's certificate");
  const digest = readDigest(reader.expect(TAG.sequence, 'the digest'));
  const attributes = Uint8Array.from(
    elementBytes(reader.expect(context(0, 'constructed'), 'the signed attributes')),
  );
  attributes[0] = TAG.set;
  const algorithm = readSignatureAlgorithm(reader.expect(TAG.sequence, "the signature's algorithm"));
  const signature = contentBytes(reader.expect(TAG.octetString, 'the signature'));
  reader.end('the signer');
  return { issuer, serial, digest, attributes, algorithm, signature };
}

/**
 * Reads a detached signature from DER, in the one form that we write. It says nothing of its signature. Refuses
 * `bad-der`, and as `parseCertificate` does.
 */
export function parseDetachedSignature(der: Uint8Array): DetachedSignature {
  checkDer(der);
  const whole = new DerReader(der).sequence('the signature file');
  if (whole.oid('the content type') !== OID.signedData) malformed('This is no SignedData.');
  const wrapped = DerReader.inside(whole.expect(context(0, 'constructed'), 'the SignedData'));
  whole.end('the SignedData');
  const data = wrapped.sequence('the SignedData');
  wrapped.end('the SignedData');
  verifyVersion(data);
  data.expect(TAG.set, 'the digests');
  const content = data.sequence('the content');
  if (content.oid('the content type') !== OID.data || !content.atEnd)
    malformed('The SignedData does not stand beside its content.');
  const certificates = DerReader.inside(data.expect(context(0, 'constructed'), 'the certificates'));
  const certificate = parseCertificate(elementBytes(certificates.expect(TAG.sequence, 'the certificate')));
  certificates.end('the certificates');
  const signer = readSigner(DerReader.inside(data.expect(TAG.set, 'the signers')));
  data.end('the SignedData');
  const isOurs =
    Buffer.compare(signer.issuer, certificate.issuer.der) === 0 &&
    Buffer.compare(signer.serial, certificate.serial) === 0;
  if (!isOurs) malformed("The certificate of the SignedData is not its signer's.");
  if (signer.digest !== DIGEST_OIDS[hashOf(signer.algorithm)])
    malformed('The SignedData names two different digests.');
  const found = readAttributes(signer.attributes);
  if (readOid(attributeOf(found, OID.contentType, TAG.oid)) !== OID.data)
    malformed('The signed attributes are of other content.');
  const { attributes, algorithm, signature } = signer;
  return {
    certificate,
    signedAt: readTime(attributeOf(found, OID.signingTime)),
    contentDigest: contentBytes(attributeOf(found, OID.messageDigest, TAG.octetString)),
    attributes,
    algorithm,
    signature,
  };
}

/** True if the signature is one of this content by the key of its certificate, whatever that is worth. */
export function isDetachedSignatureOf(signed: DetachedSignature, content: Uint8Array): boolean {
  const { certificate, algorithm, attributes, signature, contentDigest } = signed;
  const digest = createHash(hashOf(algorithm)).update(content).digest();
  if (Buffer.compare(digest, contentDigest) !== 0) return false;
  const { publicKey } = certificate;
  return isSignatureValid(algorithm, publicKey.key.kind, importPublicKey(publicKey), attributes, signature);
}
