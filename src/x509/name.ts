import {
  contentBytes,
  DerReader,
  type Element,
  elementBytes,
  encodeOid,
  encodePrintableString,
  encodeSequence,
  encodeSetOf,
  encodeUtf8String,
  OID,
  oidName,
  TAG,
} from '../asn1/index.ts';
import { PkiError } from '../errors.ts';

/** One attribute of a distinguished name. `value` is undefined where its octets do not fit its type. */
export interface NameAttribute {
  readonly type: string;
  readonly tag: number;
  readonly value: string | undefined;
}

/** A distinguished name: its RDNs in order, each a list of attributes, and the octets as they were. */
export interface Name {
  readonly rdns: readonly (readonly NameAttribute[])[];
  readonly der: Uint8Array;
}

const PRINTABLE = /^[A-Za-z0-9 '()+,\-./:=?]*$/;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeUtf8(octets: Uint8Array): string | undefined {
  try {
    return utf8.decode(octets);
  } catch (cause) {
    // The decoder's only reason to throw is an ill-formed sequence; lone surrogates are among them.
    if (cause instanceof TypeError) return undefined;
    throw cause;
  }
}

function decodeBmp(octets: Uint8Array): string | undefined {
  if (octets.length % 2 !== 0) return undefined;
  const text = Buffer.from(octets).swap16().toString('utf16le');
  // BMPString is UCS-2: no surrogates at all.
  return /[\ud800-\udfff]/.test(text) ? undefined : text;
}

function decodeAscii(octets: Uint8Array, allowed: RegExp): string | undefined {
  const text = Buffer.from(octets).toString('latin1');
  return allowed.test(text) ? text : undefined;
}

/** The text of a string element, or undefined where the octets are outside the declared type. */
export function decodeString(element: Element): string | undefined {
  const octets = contentBytes(element);
  switch (element.tag) {
    case TAG.utf8String:
      return decodeUtf8(octets);
    case TAG.printableString:
      return decodeAscii(octets, PRINTABLE);
    case TAG.numericString:
      return decodeAscii(octets, /^[0-9 ]*$/);
    case TAG.ia5String:
    case TAG.visibleString:
    // T.61 proper has escape codes that nobody implements; its ASCII part is unambiguous.
    case TAG.teletexString:
      return decodeAscii(octets, /^[\0-\x7f]*$/);
    case TAG.bmpString:
      return decodeBmp(octets);
    default:
      return undefined;
  }
}

function readAttribute(reader: DerReader): NameAttribute {
  const attribute = reader.sequence('an attribute of the name');
  const type = attribute.oid("an attribute's type");
  const value = attribute.any();
  attribute.end("an attribute's value");
  return { type, tag: value.tag, value: decodeString(value) };
}

/** Reads a Name (RFC 5280, 4.1.2.4). */
export function readName(element: Element): Name {
  const outer = DerReader.inside(element);
  const rdns: (readonly NameAttribute[])[] = [];
  while (!outer.atEnd) {
    const set = DerReader.inside(outer.expect(TAG.set, 'an RDN'));
    const attributes = [readAttribute(set)];
    while (!set.atEnd) attributes.push(readAttribute(set));
    rdns.push(attributes);
  }
  return { rdns, der: elementBytes(element) };
}

/** Reads a Name from its own octets; nothing may follow it. */
export function parseName(der: Uint8Array): Name {
  const reader = new DerReader(der);
  const element = reader.expect(TAG.sequence, 'the name');
  reader.end('the name');
  return readName(element);
}

/** Values of every attribute of one type, over all RDNs. */
export function attributesOf({ rdns }: Name, type: string): readonly NameAttribute[] {
  const found: NameAttribute[] = [];
  for (const rdn of rdns) {
    for (const attribute of rdn) if (attribute.type === type) found.push(attribute);
  }
  return found;
}

/** An attribute to be written: one RDN each, in this order. */
export interface SubjectAttribute {
  readonly type: string;
  readonly value: string;
}

/** countryName and serialNumber are PrintableString by RFC 5280, appendix A; all others UTF8String. */
const PRINTABLE_TYPES: ReadonlySet<string> = new Set([OID.countryName, OID.serialNumber]);

/** Encodes a Name of single-valued RDNs in the order given. */
export function encodeName(attributes: readonly SubjectAttribute[]): Uint8Array {
  return encodeSequence(
    ...attributes.map(({ type, value }) => {
      const printable = PRINTABLE_TYPES.has(type);
      if (printable && !PRINTABLE.test(value)) {
        throw new PkiError('bad-request', `${oidName(type)} must be a PrintableString.`);
      }
      const text = printable ? encodePrintableString(value) : encodeUtf8String(value);
      return encodeSetOf(encodeSequence(encodeOid(type), text));
    }),
  );
}

const SHORT: ReadonlyMap<string, string> = new Map([
  [OID.commonName, 'CN'],
  [OID.countryName, 'C'],
  [OID.organizationName, 'O'],
  [OID.organizationalUnitName, 'OU'],
  [OID.localityName, 'L'],
  [OID.stateOrProvinceName, 'ST'],
  [OID.streetAddress, 'STREET'],
  [OID.domainComponent, 'DC'],
  [OID.userId, 'UID'],
]);

const escapeValue = (value: string): string =>
  value
    .replace(/[\\"+,;<>=]/g, '\\$&')
    .replace(/^[ #]| $/g, '\\$&')
    .replace(/\p{Cc}|\p{Cf}/gu, (c) =>
      [...Buffer.from(c)].map((o) => `\\${o.toString(16).padStart(2, '0')}`).join(''),
    );

const formatAttribute = (a: NameAttribute): string =>
  `${SHORT.get(a.type) ?? a.type}=${a.value === undefined ? '?' : escapeValue(a.value)}`;

/** A name for people, last RDN first (RFC 4514). Control and format characters come out escaped. */
export const formatName = (name: Name): string =>
  [...name.rdns]
    .reverse()
    .map((rdn) => rdn.map(formatAttribute).join('+'))
    .join(',');

/** What an attribute type is called in a message: `O`, `serialNumber`, or its dotted form. */
export const attributeName = (type: string): string => SHORT.get(type) ?? oidName(type);
