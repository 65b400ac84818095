import { X509Certificate } from 'node:crypto';
import {
  contentBytes,
  context,
  DerReader,
  derFromBer,
  type Element,
  elementBytes,
  OID,
  readBitString,
  readElement,
  readInteger,
  readTime,
  TAG,
} from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import { type BasicConstraints, type Extension, KEY_USAGES, type KeyUsage } from './extensions.ts';
import { type Name, readName } from './name.ts';

/**
 * A certificate that was made elsewhere, as OpenSSL would take it: any version, any key, any signature, and
 * the small liberties with DER that tools take. What it says is read, and nothing is demanded of it.
 */
export interface ForeignCertificate {
  readonly der: Uint8Array;
  readonly version: number;
  /** The INTEGER's own octets, two's complement. */
  readonly serial: Uint8Array;
  readonly issuer: Name;
  readonly subject: Name;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Of the algorithm that it was signed with. */
  readonly signatureOid: string;
  readonly extensions: readonly Extension[];
}

/** As `readExtensions`, but FALSE may be spelt out, and a kind may stand twice. */
export function readLooseExtensions(element: Element): readonly Extension[] {
  const list = DerReader.inside(element);
  const extensions: Extension[] = [];
  while (!list.atEnd) {
    const reader = list.sequence('an extension');
    const oid = reader.oid("an extension's kind");
    const flag = reader.optional(TAG.boolean);
    const critical = flag !== undefined && contentBytes(flag).some((octet) => octet !== 0);
    extensions.push({
      oid,
      critical,
      value: contentBytes(reader.expect(TAG.octetString, "an extension's value")),
    });
  }
  return extensions;
}

function readVersion(reader: DerReader): number {
  const wrapped = reader.optional(context(0, 'constructed'));
  if (wrapped === undefined) return 1;
  const [version = 0] = DerReader.inside(wrapped).integer('the version');
  return version + 1;
}

function read(der: Uint8Array): Omit<ForeignCertificate, 'der'> {
  const outer = readElement(der);
  if (outer.tag !== TAG.sequence || outer.end !== der.length)
    throw new PkiError('bad-der', 'There is not one certificate, or something follows it.');
  const reader = DerReader.inside(outer).sequence('the certificate');
  const version = readVersion(reader);
  const serial = readInteger(reader.expect(TAG.integer, 'the serial number'));
  const signatureOid = reader.sequence("the signature's algorithm").oid("the signature's algorithm");
  const issuer = readName(reader.expect(TAG.sequence, 'the issuer'));
  const validity = reader.sequence('the validity');
  const notBefore = readTime(validity.any());
  const notAfter = readTime(validity.any());
  const subject = readName(reader.expect(TAG.sequence, 'the subject'));
  elementBytes(reader.expect(TAG.sequence, 'the public key'));
  // Unique identifiers of version 2 (RFC 5280, 4.1.2.8), which nobody uses.
  for (const n of [1, 2]) reader.optional(context(n, 'primitive'));
  const wrapped = reader.optional(context(3, 'constructed'));
  const extensions = wrapped
    ? readLooseExtensions(DerReader.inside(wrapped).expect(TAG.sequence, 'the extensions'))
    : [];
  return { version, serial, issuer, subject, notBefore, notAfter, signatureOid, extensions };
}

function readEither(octets: Uint8Array): Omit<ForeignCertificate, 'der'> {
  try {
    return read(octets);
  } catch (failure) {
    if (!(failure instanceof PkiError)) throw failure;
    return read(derFromBer(octets));
  }
}

/** Reads a certificate from elsewhere, DER or BER. Refuses `bad-der` what is no X.509 certificate. */
export function parseForeignCertificate(octets: Uint8Array): ForeignCertificate {
  let der: Uint8Array;
  try {
    // OpenSSL's judgement of the form is the one that counts on a device; and it is ours of the key.
    der = new X509Certificate(octets).raw;
  } catch (cause) {
    throw new PkiError('bad-der', 'It is not an X.509 certificate.', { cause });
  }
  const certificate = { der, ...readEither(der) };
  // An extension that judges what the certificate is for, and cannot be read, spoils it, as at OpenSSL.
  foreignBasicConstraints(certificate);
  foreignKeyUsage(certificate);
  foreignExtendedKeyUsage(certificate);
  return certificate;
}

/** True if `certificate` was signed by the key of `issuer`; says nothing of names, dates or rights. */
export function isForeignSignedBy(
  certificate: Pick<ForeignCertificate, 'der'>,
  issuer: Pick<ForeignCertificate, 'der'>,
): boolean {
  try {
    return new X509Certificate(certificate.der).verify(new X509Certificate(issuer.der).publicKey);
  } catch {
    // A key of a kind, or with numbers, that OpenSSL does not take: nothing is proven with it.
    return false;
  }
}

const findFirst = ({ extensions }: ForeignCertificate, oid: string): Extension | undefined =>
  extensions.find((extension) => extension.oid === oid);

/** null where the extension is absent. An explicit FALSE is taken, as many tools write it. */
export function foreignBasicConstraints(
  certificate: ForeignCertificate,
): (BasicConstraints & { readonly critical: boolean }) | null {
  const extension = findFirst(certificate, OID.basicConstraints);
  if (extension === undefined) return null;
  const reader = DerReader.inside(readElement(extension.value));
  const flag = reader.optional(TAG.boolean);
  const ca = flag !== undefined && contentBytes(flag).some((octet) => octet !== 0);
  const length = reader.optional(TAG.integer);
  const pathLength = length ? Number(`0x${Buffer.from(contentBytes(length)).toString('hex')}`) : null;
  return { ca, pathLength, critical: extension.critical };
}

/** null where the extension is absent: then the key may be used for anything. */
export function foreignKeyUsage(certificate: ForeignCertificate): readonly KeyUsage[] | null {
  const extension = findFirst(certificate, OID.keyUsage);
  if (extension === undefined) return null;
  const { bits } = readBitString(readElement(extension.value));
  return KEY_USAGES.filter((_, i) => (((bits[i >> 3] ?? 0) >> (7 - (i & 7))) & 1) === 1);
}

/** Object identifiers; null where the extension is absent. */
export function foreignExtendedKeyUsage(certificate: ForeignCertificate): readonly string[] | null {
  const extension = findFirst(certificate, OID.extendedKeyUsage);
  if (extension === undefined) return null;
  const reader = DerReader.inside(readElement(extension.value));
  const purposes: string[] = [];
  while (!reader.atEnd) purposes.push(reader.oid('a purpose'));
  return purposes;
}

export const hasExtension = (certificate: ForeignCertificate, oid: string): boolean =>
  findFirst(certificate, oid) !== undefined;
