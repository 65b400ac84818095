import {
  contentBytes,
  context,
  DerReader,
  type Element,
  encodeElement,
  encodeNamedBits,
  encodeOctetString,
  encodeOid,
  encodeSequence,
  encodeSmallInteger,
  encodeTrue,
  OID,
  oidName,
  readBitString,
  readBoolean,
  readElement,
  readInteger,
  readOid,
  TAG,
} from '../asn1/index.ts';
import { PkiError } from '../errors.ts';

/** One extension: `value` is the content of extnValue, itself DER. */
export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Uint8Array;
}

/** `value` is what extnValue holds, DER. */
export const makeExtension = (oid: string, critical: boolean, value: Uint8Array): Extension => ({
  oid,
  critical,
  value,
});

/** Named bits of KeyUsage in the order of their numbers (RFC 5280, 4.2.1.3). */
export const KEY_USAGES = [
  'digitalSignature',
  'contentCommitment',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;
export type KeyUsage = (typeof KEY_USAGES)[number];

/** Purposes by the names of RFC 5280, 4.2.1.12. */
export const PURPOSES = {
  serverAuth: OID.serverAuth,
  clientAuth: OID.clientAuth,
  codeSigning: OID.codeSigning,
  emailProtection: OID.emailProtection,
  timeStamping: OID.timeStamping,
  OCSPSigning: OID.ocspSigning,
} as const;
export type Purpose = keyof typeof PURPOSES;

export interface BasicConstraints {
  readonly ca: boolean;
  readonly pathLength: number | null;
}

/** A GeneralName (RFC 5280, 4.2.1.6): its context tag number and, for the string kinds, its text. */
export interface GeneralName {
  readonly tag: number;
  readonly text: string | undefined;
}

function malformed(message: string): never {
  throw new PkiError('bad-csr', message);
}

/** The one element that an extension's value must be. */
function only(extension: Extension, tag: number): Element {
  const element = readElement(extension.value);
  if (element.tag !== tag || element.end !== extension.value.length) {
    return malformed(`The extension ${oidName(extension.oid)} is malformed.`);
  }
  return element;
}

/** Reads Extensions; a second one of the same kind is refused (RFC 5280, 4.2). */
export function readExtensions(element: Element): readonly Extension[] {
  const list = DerReader.inside(element);
  const extensions: Extension[] = [];
  if (list.atEnd) malformed('The list of extensions is empty.');
  while (!list.atEnd) {
    const reader = list.sequence('an extension');
    const oid = reader.oid("an extension's kind");
    const flag = reader.optional(TAG.boolean);
    const value = contentBytes(reader.expect(TAG.octetString, "an extension's value"));
    reader.end("an extension's value");
    if (extensions.some((other) => other.oid === oid))
      malformed(`The extension ${oidName(oid)} stands twice.`);
    // DER leaves DEFAULT FALSE out (X.690, 11.5).
    if (flag !== undefined && !readBoolean(flag))
      malformed(`The extension ${oidName(oid)} spells out its default.`);
    extensions.push({ oid, critical: flag !== undefined, value });
  }
  return extensions;
}

/** Encodes Extensions, in the order given. */
export const encodeExtensions = (extensions: readonly Extension[]): Uint8Array =>
  encodeSequence(
    ...extensions.map(({ oid, critical, value }) =>
      encodeSequence(encodeOid(oid), ...(critical ? [encodeTrue()] : []), encodeOctetString(value)),
    ),
  );

export function readBasicConstraints(extension: Extension): BasicConstraints {
  const reader = DerReader.inside(only(extension, TAG.sequence));
  const flag = reader.optional(TAG.boolean);
  const ca = flag !== undefined && readBoolean(flag);
  const length = reader.optional(TAG.integer);
  reader.end('basicConstraints');
  if (flag !== undefined && !ca) malformed('basicConstraints spells out its default.');
  if (length === undefined) return { ca, pathLength: null };
  const [octet = 0, ...more] = readInteger(length);
  if (!ca || more.length > 0 || octet > 0x7f)
    return malformed('basicConstraints has an impossible path length.');
  return { ca, pathLength: octet };
}

export const encodeBasicConstraints = ({ ca, pathLength }: BasicConstraints): Uint8Array =>
  encodeSequence(
    ...(ca ? [encodeTrue()] : []),
    ...(pathLength === null ? [] : [encodeSmallInteger(pathLength)]),
  );

export function readKeyUsage(extension: Extension): readonly KeyUsage[] {
  const { bits, unused } = readBitString(only(extension, TAG.bitString));
  const last = bits.at(-1);
  // A named bit list ends with its last set bit (X.690, 11.2.2).
  if (last !== undefined && (last === 0 || ((last >> unused) & 1) === 0))
    malformed('keyUsage is not in its DER form.');
  const count = bits.length * 8 - unused;
  if (count > KEY_USAGES.length) malformed('keyUsage has bits that do not exist.');
  return KEY_USAGES.filter((_, i) => i < count && (((bits[i >> 3] ?? 0) >> (7 - (i & 7))) & 1) === 1);
}

export const encodeKeyUsage = (usages: readonly KeyUsage[]): Uint8Array =>
  encodeNamedBits(usages.map((usage) => KEY_USAGES.indexOf(usage)));

/** The purposes' object identifiers, in order. */
export function readExtendedKeyUsage(extension: Extension): readonly string[] {
  const reader = DerReader.inside(only(extension, TAG.sequence));
  const purposes: string[] = [];
  if (reader.atEnd) malformed('extendedKeyUsage is empty.');
  while (!reader.atEnd) purposes.push(reader.oid('a purpose'));
  return purposes;
}

export const encodeExtendedKeyUsage = (purposes: readonly Purpose[]): Uint8Array =>
  encodeSequence(...purposes.map((purpose) => encodeOid(PURPOSES[purpose])));

export const readSubjectKeyIdentifier = (extension: Extension): Uint8Array =>
  contentBytes(only(extension, TAG.octetString));

export const encodeSubjectKeyIdentifier = (identifier: Uint8Array): Uint8Array =>
  encodeOctetString(identifier);

/** keyIdentifier of an authorityKeyIdentifier; undefined where it names the issuer another way. */
export function readAuthorityKeyIdentifier(extension: Extension): Uint8Array | undefined {
  const reader = DerReader.inside(only(extension, TAG.sequence));
  const id = reader.optional(context(0, 'primitive'));
  while (!reader.atEnd) reader.any();
  return id === undefined ? undefined : contentBytes(id);
}

export const encodeAuthorityKeyIdentifier = (identifier: Uint8Array): Uint8Array =>
  encodeSequence(encodeElement(context(0, 'primitive'), identifier));

/** cRLDistributionPoints of one point with one URI (RFC 5280, 4.2.1.13): all reasons, and the issuer's own CRL. */
export const encodeCrlDistributionPoint = (uri: string): Uint8Array => {
  const name = encodeElement(context(6, 'primitive'), Buffer.from(uri, 'latin1'));
  const fullName = encodeElement(context(0, 'constructed'), name);
  return encodeSequence(encodeSequence(encodeElement(context(0, 'constructed'), fullName)));
};

const IA5_NAMES: ReadonlySet<number> = new Set([1, 2, 6]); // rfc822Name, dNSName, URI
const CONSTRUCTED_NAMES: ReadonlySet<number> = new Set([0, 3, 4, 5]); // otherName, x400, directoryName, ediParty

function readGeneralName(element: Element): GeneralName {
  const tag = element.tag & 0x1f;
  const constructed = (element.tag & 0x20) !== 0;
  if ((element.tag & 0xc0) !== 0x80 || tag > 8 || constructed !== CONSTRUCTED_NAMES.has(tag)) {
    return malformed('subjectAltName holds a name of no known kind.');
  }
  const content = contentBytes(element);
  if (tag === 7 && content.length !== 4 && content.length !== 16)
    malformed('An iPAddress has 4 or 16 octets.');
  if (tag === 8) readOid({ ...element, tag: TAG.oid });
  if (!IA5_NAMES.has(tag)) return { tag, text: undefined };
  const text = Buffer.from(content).toString('latin1');
  // RFC 5280, 4.2.1.6: IA5String; nothing in a name of a device needs what does not print.
  if (!/^[\x21-\x7e]+$/.test(text))
    malformed('subjectAltName holds an empty name or characters that do not belong in one.');
  return { tag, text };
}

/** Reads subjectAltName; an empty list is refused (RFC 5280, 4.2.1.6). */
export function readSubjectAltName(extension: Extension): readonly GeneralName[] {
  const reader = DerReader.inside(only(extension, TAG.sequence));
  if (reader.atEnd) malformed('subjectAltName is empty.');
  const names: GeneralName[] = [];
  while (!reader.atEnd) names.push(readGeneralName(reader.any()));
  return names;
}

const DNS_NAME = 2;
export const isDnsName = (name: GeneralName): boolean => name.tag === DNS_NAME;

/** subjectAltName of DNS names and IP addresses (as octets). */
export const encodeSubjectAltName = (names: readonly (string | Uint8Array)[]): Uint8Array =>
  encodeSequence(
    ...names.map((name) =>
      typeof name === 'string'
        ? encodeElement(context(DNS_NAME, 'primitive'), Buffer.from(name, 'latin1'))
        : encodeElement(context(7, 'primitive'), name),
    ),
  );
