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
  readInteger,
  readTime,
  TAG,
} from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import { crlNumberOf, REVOCATION_REASONS, type RevocationReason, type RevokedEntry } from './crl.ts';
import type { Extension } from './extensions.ts';
import { type ForeignCertificate, readLooseExtensions } from './foreign-certificate.ts';
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
  /** cRLNumber; null where there is none, or one beyond 2^53. */
  readonly number: number | null;
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

function extensionsOf(reader: DerReader): readonly Extension[] {
  const wrapped = reader.optional(context(0, 'constructed'));
  if (wrapped === undefined) return [];
  return readLooseExtensions(DerReader.inside(wrapped).expect(TAG.sequence, 'the extensions'));
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
  const extensions = extensionsOf(reader);
  return {
    der,
    issuer,
    thisUpdate,
    nextUpdate,
    isDelta: extensions.some(({ oid }) => oid === DELTA_INDICATOR),
    number: crlNumberOf({ extensions }) ?? null,
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

/** CRLReason by its code; what fits no device, a hold among them, is none to tell. */
const REASONS: ReadonlyMap<number, RevocationReason> = new Map(
  Object.entries(REVOCATION_REASONS).map(([name, code]) => [code, name as RevocationReason]),
);

function reasonOf(extensions: readonly Extension[]): RevocationReason {
  const value = extensions.find(({ oid }) => oid === OID.reasonCode)?.value;
  const code = value?.length === 3 && value[0] === TAG.enumerated ? value[2] : undefined;
  return REASONS.get(code ?? 0) ?? 'unspecified';
}

/**
 * The entries of a CRL from elsewhere, whatever they say beside. Refuses `bad-der`. Serials are magnitudes, as on
 * record; a hold is a revocation, for which there is no way back here.
 */
export function* readForeignEntries({ entries }: ForeignCrl): Generator<RevokedEntry> {
  for (const list = new DerReader(entries); !list.atEnd; ) {
    const entry = list.sequence('an entry of the CRL');
    const serial = readInteger(entry.expect(TAG.integer, 'a serial number'));
    const at = readTime(entry.any());
    const extensions = entry.optional(TAG.sequence);
    yield { serial, revokedAt: at, reason: reasonOf(extensions ? readLooseExtensions(extensions) : []) };
  }
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
