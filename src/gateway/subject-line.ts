import { contentBytes, DerReader, type Element, elementBytes, OID, TAG } from '../asn1/index.ts';

/** An attribute of a subject, as its octets were. */
export interface PeerAttribute {
  /** Dotted. */
  readonly type: string;
  readonly tag: number;
  /** As OpenSSL decodes it; undefined for a type that is no string, or octets that do not fit it. */
  readonly text: string | undefined;
  /** The value, DER. */
  readonly value: Uint8Array;
}

/** OpenSSL's short names of what stands in the subjects of devices. */
const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  [OID.commonName, 'CN'],
  [OID.surname, 'SN'],
  [OID.serialNumber, 'serialNumber'],
  [OID.countryName, 'C'],
  [OID.localityName, 'L'],
  [OID.stateOrProvinceName, 'ST'],
  [OID.streetAddress, 'street'],
  [OID.organizationName, 'O'],
  [OID.organizationalUnitName, 'OU'],
  [OID.title, 'title'],
  ['2.5.4.13', 'description'],
  ['2.5.4.15', 'businessCategory'],
  ['2.5.4.17', 'postalCode'],
  ['2.5.4.41', 'name'],
  ['2.5.4.42', 'GN'],
  ['2.5.4.43', 'initials'],
  ['2.5.4.44', 'generationQualifier'],
  ['2.5.4.46', 'dnQualifier'],
  ['2.5.4.65', 'pseudonym'],
  ['2.5.4.97', 'organizationIdentifier'],
  [OID.domainComponent, 'DC'],
  [OID.userId, 'UID'],
  [OID.emailAddress, 'emailAddress'],
]);

/** Octets a character in the string types that OpenSSL prints as text (crypto/asn1/a_strex.c); 0: UTF-8. */
const WIDTHS: ReadonlyMap<number, number> = new Map([
  [TAG.utf8String, 0],
  [TAG.numericString, 1],
  [TAG.printableString, 1],
  [TAG.teletexString, 1],
  [TAG.ia5String, 1],
  [TAG.utcTime, 1],
  [TAG.generalizedTime, 1],
  [TAG.visibleString, 1],
  [TAG.universalString, 4],
  [TAG.bmpString, 2],
]);

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeUtf8(octets: Uint8Array): string | undefined {
  try {
    return utf8.decode(octets);
  } catch {
    return undefined;
  }
}

function decodeText(element: Element): string | undefined {
  const octets = Buffer.from(contentBytes(element));
  const width = WIDTHS.get(element.tag);
  if (width === undefined) return undefined;
  if (width === 0) return decodeUtf8(octets);
  if (octets.length % width !== 0) return undefined;
  const points = Array.from({ length: octets.length / width }, (_, i) =>
    octets.readUIntBE(i * width, width as 1),
  );
  return points.some((point) => point > 0x10ffff) ? undefined : String.fromCodePoint(...points);
}

function readAttribute(set: DerReader): PeerAttribute {
  const attribute = set.sequence('an attribute of the name');
  const type = attribute.oid("an attribute's type");
  const value = attribute.any();
  return { type, tag: value.tag, text: decodeText(value), value: elementBytes(value) };
}

/**
 * The subject of a certificate, RDN by RDN, without a judgement of anything else in it: what a gateway is
 * shown may be of version 1, or hold what our own reader refuses. Refuses `bad-der` for what is no certificate.
 */
export function readPeerSubject(certificate: Uint8Array): readonly (readonly PeerAttribute[])[] {
  const tbs = new DerReader(certificate).sequence('the certificate').sequence('the certificate');
  tbs.optional(0xa0);
  // Serial number, algorithm, issuer, validity.
  for (let skipped = 0; skipped < 4; skipped++) tbs.any();
  const subject = tbs.sequence('the subject');
  const rdns: (readonly PeerAttribute[])[] = [];
  while (!subject.atEnd) {
    const set = DerReader.inside(subject.expect(TAG.set, 'an RDN'));
    const attributes: PeerAttribute[] = [];
    while (!set.atEnd) attributes.push(readAttribute(set));
    rdns.push(attributes);
  }
  return rdns;
}

const hex = (octet: number): string => octet.toString(16).toUpperCase().padStart(2, '0');

/** One octet of UTF-8, escaped as RFC 2253 and OpenSSL want it (ESC_2253, ESC_CTRL, ESC_MSB). */
function escapeOctet(octet: number, isFirst: boolean, isLast: boolean): string {
  if (octet < 0x20 || octet >= 0x7f) return `\\${hex(octet)}`;
  const character = String.fromCharCode(octet);
  // OpenSSL asks of a lone character whether it may stand last, and not whether it may stand first.
  const atEdge = isLast ? character === ' ' : isFirst && /[ #]/.test(character);
  return atEdge || /[",+;<>\\]/.test(character) ? `\\${character}` : character;
}

function formatValue({ text, value, type }: PeerAttribute): string {
  if (text === undefined || !SHORT_NAMES.has(type))
    return `#${Buffer.from(value).toString('hex').toUpperCase()}`;
  const octets = Buffer.from(text, 'utf8');
  return [...octets].map((octet, i) => escapeOctet(octet, i === 0, i === octets.length - 1)).join('');
}

const formatAttribute = (attribute: PeerAttribute): string =>
  `${SHORT_NAMES.get(attribute.type) ?? attribute.type}=${formatValue(attribute)}`;

/**
 * A subject on one line as nginx has it in `$ssl_client_s_dn`: OpenSSL's XN_FLAG_RFC2253, the last attribute
 * first, everything beyond ASCII as octets in hex.
 */
export const subjectLine = (subject: readonly (readonly PeerAttribute[])[]): string =>
  [...subject]
    .reverse()
    .map((rdn) => [...rdn].reverse().map(formatAttribute).join('+'))
    .join(',');
