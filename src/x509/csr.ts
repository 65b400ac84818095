import {
  checkDer,
  context,
  DerReader,
  type Element,
  elementBytes,
  encodeBitString,
  encodeElement,
  encodeOid,
  encodePrintableString,
  encodeSequence,
  encodeSetOf,
  encodeSmallInteger,
  encodeUtf8String,
  OID,
  oidName,
  parsePem,
  readBitString,
  readElement,
  readInteger,
  TAG,
} from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import type { SignatureAlgorithm } from './algorithms.ts';
import { type Extension, encodeExtensions, readExtensions } from './extensions.ts';
import { encodeName, type Name, readName, type SubjectAttribute } from './name.ts';
import { importPublicKey, type PublicKey, readPublicKey } from './public-key.ts';
import {
  encodeSignatureAlgorithm,
  isSignatureValid,
  readSignatureAlgorithm,
  signingKeyKind,
} from './signature.ts';

/** What a certificate request says (RFC 2986), read but not yet believed. */
export interface Csr {
  readonly der: Uint8Array;
  /** The octets that are signed: CertificationRequestInfo. */
  readonly info: Uint8Array;
  readonly subject: Name;
  readonly publicKey: PublicKey;
  readonly requestedExtensions: readonly Extension[];
  /** Attributes that say nothing about the certificate: challengePassword and strangers. */
  readonly otherAttributes: readonly string[];
  readonly algorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
}

/**
 * A request whose signature holds: who sent it has the private key. Only `proveCsr` makes one.
 */
class ProvenCsrProof {
  readonly csr: Csr;
  readonly #proven = true;

  constructor(csr: Csr) {
    this.csr = csr;
  }

  get isProven(): boolean {
    return this.#proven;
  }
}
export type ProvenCsr = ProvenCsrProof;

/** Labels of RFC 7468, section 7. */
const CSR_LABELS: ReadonlySet<string> = new Set(['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST']);
const EXTENSION_REQUESTS: ReadonlySet<string> = new Set([
  OID.extensionRequest,
  OID.microsoftExtensionRequest,
]);
/** A request with an RSA key of 8192 bits and a few names has 2.4 kB. */
export const MAX_CSR_OCTETS = 32 * 1024;

function malformed(message: string): never {
  throw new PkiError('bad-csr', message);
}

interface Attributes {
  readonly extensions: readonly Extension[];
  readonly others: readonly string[];
}

function readAttributes(element: Element): Attributes {
  const list = DerReader.inside(element);
  const seen = new Set<string>();
  let extensions: readonly Extension[] | undefined;
  while (!list.atEnd) {
    const attribute = list.sequence('an attribute');
    const type = attribute.oid("an attribute's type");
    const values = DerReader.inside(attribute.expect(TAG.set, "an attribute's values"));
    attribute.end('an attribute');
    if (values.atEnd) malformed(`The attribute ${oidName(type)} has no value.`);
    if (seen.has(type)) malformed(`The attribute ${oidName(type)} stands twice.`);
    seen.add(type);
    if (!EXTENSION_REQUESTS.has(type)) continue;
    if (extensions) malformed('Extensions are requested in two attributes.');
    extensions = readExtensions(values.expect(TAG.sequence, 'the requested extensions'));
    // RFC 2985, 5.4.2: extensionRequest is single-valued.
    if (!values.atEnd) malformed('extensionRequest has more than one value.');
  }
  return { extensions: extensions ?? [], others: [...seen].filter((type) => !EXTENSION_REQUESTS.has(type)) };
}

function readInfo(
  element: Element,
): Pick<Csr, 'subject' | 'publicKey' | 'requestedExtensions' | 'otherAttributes'> {
  const reader = DerReader.inside(element);
  const version = readInteger(reader.expect(TAG.integer, 'the version'));
  if (version.length !== 1 || version[0] !== 0)
    malformed('The version of a certificate request is 0 (RFC 2986, 4.1).');
  const subject = readName(reader.expect(TAG.sequence, 'the subject'));
  const publicKey = readPublicKey(reader.expect(TAG.sequence, 'the public key'));
  const attributes = reader.optional(context(0, 'constructed'));
  if (attributes === undefined)
    return malformed('The attributes field is missing; it may be empty, not absent (RFC 2986, 4.1).');
  reader.end('the attributes');
  const { extensions, others } = readAttributes(attributes);
  return { subject, publicKey, requestedExtensions: extensions, otherAttributes: others };
}

/**
 * Reads a PKCS#10 request from DER. Refuses at the first wrong octet: `bad-der`, `bad-csr`,
 * `bad-key`, `curve-not-allowed`, `algorithm-not-allowed`, `weak-signature`, `too-large`.
 */
export function parseCsr(der: Uint8Array): Csr {
  if (der.length > MAX_CSR_OCTETS) {
    throw new PkiError(
      'too-large',
      `The request has ${der.length} octets; at most ${MAX_CSR_OCTETS} are taken.`,
    );
  }
  checkDer(der);
  const outer = readElement(der);
  if (outer.tag !== TAG.sequence) malformed('This is not a certificate request.');
  const reader = DerReader.inside(outer);
  const info = reader.expect(TAG.sequence, 'the request information');
  const algorithmElement = reader.expect(TAG.sequence, "the signature's algorithm");
  const { bits, unused } = readBitString(reader.expect(TAG.bitString, 'the signature'));
  reader.end('the signature');
  const body = readInfo(info);
  const algorithm = readSignatureAlgorithm(algorithmElement);
  if (unused !== 0) malformed('The signature is not a whole number of octets.');
  return { der, info: elementBytes(info), ...body, algorithm, signature: bits };
}

/**
 * Verifies the proof of possession with the request's own key. Refuses `bad-key` (a point off its
 * curve), `algorithm-not-allowed` (a signature of another kind than the key), `bad-signature`.
 */
export function proveCsr(csr: Csr): ProvenCsr {
  const { key } = csr.publicKey;
  const imported = importPublicKey(csr.publicKey);
  if (signingKeyKind(csr.algorithm) !== key.kind) {
    throw new PkiError(
      'algorithm-not-allowed',
      `A signature with ${csr.algorithm} cannot be made by the key in this request.`,
    );
  }
  if (!isSignatureValid(csr.algorithm, key.kind, imported, csr.info, csr.signature)) {
    throw new PkiError(
      'bad-signature',
      'The signature of the request does not verify with the key in it: it was damaged, or made with another key.',
    );
  }
  return new ProvenCsrProof(csr);
}

/**
 * Takes a request as a person hands it over: PEM or DER. One request, nothing beside it.
 * A private key in the text is refused, and nothing of it appears in the message.
 */
export function decodeCsr(input: Uint8Array): Uint8Array {
  if (input.length === 0) throw new PkiError('bad-csr', 'There is no request: the body is empty.');
  // 0x30 begins a SEQUENCE; text that begins with the character "0" holds no PEM boundary there.
  if (input[0] === TAG.sequence) return input;
  if (input.includes(0)) {
    throw new PkiError(
      'bad-pem',
      'The request is neither DER nor PEM text (is it UTF-16? save it as ASCII or UTF-8).',
    );
  }
  const blocks = parsePem(Buffer.from(input).toString('latin1'));
  if (blocks.some((block) => block.label.includes('PRIVATE KEY'))) {
    throw new PkiError(
      'bad-pem',
      'A private key was sent. It was not stored; treat it as exposed all the same, make a new one, and send the CERTIFICATE REQUEST alone.',
    );
  }
  const [block, second] = blocks;
  if (block === undefined)
    throw new PkiError('bad-pem', 'There is no PEM block in the request, and it is not DER.');
  if (second !== undefined) {
    throw new PkiError(
      'bad-pem',
      `There are ${blocks.length} PEM blocks where one certificate request is due.`,
    );
  }
  if (!CSR_LABELS.has(block.label)) {
    throw new PkiError(
      'bad-pem',
      `A CERTIFICATE REQUEST is due; this is labelled ${block.label || '(nothing)'}.`,
    );
  }
  return block.der;
}

export interface CsrContent {
  /** Attributes, or a Name as it stands elsewhere, DER. */
  readonly subject: readonly SubjectAttribute[] | Uint8Array;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  readonly extensions?: readonly Extension[];
  /** What the other side wants to see signed (RFC 2985, 5.4.1). */
  readonly challengePassword?: string;
}

/** A DirectoryString: PrintableString where it may be (RFC 2985, 5.4.1), else UTF8String. */
const encodeText = (text: string): Uint8Array =>
  /^[A-Za-z0-9 '()+,./:=?-]*$/.test(text) ? encodePrintableString(text) : encodeUtf8String(text);

const attribute = (oid: string, value: Uint8Array): Uint8Array =>
  encodeSequence(encodeOid(oid), encodeSetOf(value));

/** Encodes CertificationRequestInfo: the octets that the requester signs. */
export function encodeCsrInfo({
  subject,
  publicKey,
  extensions = [],
  challengePassword,
}: CsrContent): Uint8Array {
  // X.690, 11.6: a SET OF is in the order of its encodings.
  const attributes = [
    ...(challengePassword === undefined
      ? []
      : [attribute(OID.challengePassword, encodeText(challengePassword))]),
    ...(extensions.length === 0 ? [] : [attribute(OID.extensionRequest, encodeExtensions(extensions))]),
  ].toSorted(Buffer.compare);
  return encodeSequence(
    encodeSmallInteger(0),
    subject instanceof Uint8Array ? subject : encodeName(subject),
    publicKey,
    encodeElement(context(0, 'constructed'), ...attributes),
  );
}

/** Puts a signed CertificationRequestInfo together. */
export const assembleCsr = (
  info: Uint8Array,
  algorithm: SignatureAlgorithm,
  signature: Uint8Array,
): Uint8Array => encodeSequence(info, encodeSignatureAlgorithm(algorithm), encodeBitString(signature));
