import { verify, X509Certificate } from 'node:crypto';
import {
  contentBytes,
  context,
  DerReader,
  derFromBer,
  elementBytes,
  OID,
  readBitString,
  readElement,
  readTime,
  TAG,
} from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import type { ForeignCertificate } from './foreign-certificate.ts';
import { type Name, readName } from './name.ts';

/** A CRL that was made elsewhere, as OpenSSL would take it: any version, any signature. */
export interface ForeignCrl {
  readonly der: Uint8Array;
  readonly issuer: Name;
  readonly thisUpdate: Date;
  /** Null: it never runs out. */
  readonly nextUpdate: Date | null;
  /** True of a list of changes to another (RFC 5280, 5.2.4), which no gateway reads by itself. */
  readonly isDelta: boolean;
  /** What was signed, by which algorithm, and the signature. */
  readonly tbs: Uint8Array;
  readonly signatureOid: string;
  readonly signature: Uint8Array;
  /** The content of revokedCertificates; empty where nothing is revoked. */
  readonly entries: Uint8Array;
}

const DELTA_INDICATOR = '2.5.29.27';
const NOTHING = new Uint8Array(0);

const isTime = (tag: number | undefined): boolean => tag === TAG.utcTime || tag === TAG.generalizedTime;

function hasDeltaIndicator(reader: DerReader): boolean {
  const wrapped = reader.optional(context(0, 'constructed'));
  if (wrapped === undefined) return false;
  const list = DerReader.inside(wrapped).sequence('the extensions');
  while (!list.atEnd)
    if (list.sequence('an extension').oid("an extension's kind") === DELTA_INDICATOR) return true;
  return false;
}

function read(der: Uint8Array): ForeignCrl {
  const outer = readElement(der);
  if (outer.tag !== TAG.sequence || outer.end !== der.length)
    throw new PkiError('bad-der', 'There is not one CRL, or something follows it.');
  const whole = DerReader.inside(outer);
  const tbs = whole.expect(TAG.sequence, 'the CRL');
  const signatureOid = whole.sequence("the signature's algorithm").oid("the signature's algorithm");
  const { bits } = readBitString(whole.expect(TAG.bitString, 'the signature'));
  const reader = DerReader.inside(tbs);
  reader.optional(TAG.integer);
  reader.expect(TAG.sequence, "the signature's algorithm");
  const issuer = readName(reader.expect(TAG.sequence, 'the issuer'));
  const thisUpdate = readTime(reader.any());
  const nextUpdate = isTime(reader.peek()) ? readTime(reader.any()) : null;
  const list = reader.optional(TAG.sequence);
  return {
    der,
    issuer,
    thisUpdate,
    nextUpdate,
    isDelta: hasDeltaIndicator(reader),
    tbs: elementBytes(tbs),
    signatureOid,
    signature: bits,
    entries: list ? list.bytes.subarray(list.contentStart, list.end) : NOTHING,
  };
}

/** Reads a CRL from elsewhere, DER or BER. Refuses `bad-der` what is none. */
export function parseForeignCrl(octets: Uint8Array): ForeignCrl {
  try {
    return read(octets);
  } catch (failure) {
    if (!(failure instanceof PkiError)) throw failure;
    return read(derFromBer(octets));
  }
}

/** When a certificate was revoked, by a CRL of its issuer; null where it is not listed. */
export function revokedAt(
  { entries }: ForeignCrl,
  { serial }: Pick<ForeignCertificate, 'serial'>,
): Date | null {
  for (const list = new DerReader(entries); !list.atEnd; ) {
    const entry = list.sequence('an entry of the CRL');
    const listed = contentBytes(entry.expect(TAG.integer, 'a serial number'));
    if (Buffer.compare(listed, serial) === 0) return readTime(entry.any());
  }
  return null;
}

const DIGESTS: Readonly<Record<string, string | null>> = {
  [OID.sha1WithRsaEncryption]: 'sha1',
  [OID.sha224WithRsaEncryption]: 'sha224',
  [OID.sha256WithRsaEncryption]: 'sha256',
  [OID.sha384WithRsaEncryption]: 'sha384',
  [OID.sha512WithRsaEncryption]: 'sha512',
  [OID.ecdsaWithSha1]: 'sha1',
  [OID.ecdsaWithSha224]: 'sha224',
  [OID.ecdsaWithSha256]: 'sha256',
  [OID.ecdsaWithSha384]: 'sha384',
  [OID.ecdsaWithSha512]: 'sha512',
  [OID.ed25519]: null,
};

/** True if the key of `issuer` signed the CRL; null for an algorithm that we cannot try. Says nothing of names or rights. */
export function isCrlSignedBy(
  { tbs, signatureOid, signature }: ForeignCrl,
  issuer: Pick<ForeignCertificate, 'der'>,
): boolean | null {
  const digest = DIGESTS[signatureOid];
  if (digest === undefined) return null;
  try {
    return verify(digest, tbs, new X509Certificate(issuer.der).publicKey, signature);
  } catch {
    // As of a certificate: with a key that OpenSSL does not take nothing is proven.
    return false;
  }
}
