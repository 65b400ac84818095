import { OID } from '../asn1/index.ts';
import {
  type Certificate,
  crlNumberOf,
  type Extension,
  encodeCrlNumber,
  encodeRevokedEntries,
  encodeTbsCertList,
  findExtension,
  makeExtension,
  parseTbsCertList,
  type RevokedEntry,
  readKeyUsage,
  readRevokedEntries,
  sha256,
} from '../x509/index.ts';
import { authorityKeyIdentifier, type Issuer } from './plan.ts';

/**
 * True where an issuer may sign CRLs (RFC 5280, 4.2.1.3). OpenSSL refuses every certificate below one that may
 * not and of which there is a CRL, so such an issuer gets none.
 */
export function maySignCrls(issuer: Certificate): boolean {
  const usage = findExtension(issuer, OID.keyUsage);
  return usage === undefined || readKeyUsage(usage).includes('cRLSign');
}

/** What a CRL says beside its entries. */
export interface CrlPlan {
  readonly issuer: Issuer;
  readonly number: number;
  /** Whole seconds. */
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
}

/** Entries in their encoding: it was read back and says the same. */
class CrlPageProof {
  readonly octets: Uint8Array;
  readonly count: number;
  readonly #readBack = true;

  constructor(octets: Uint8Array, count: number) {
    this.octets = octets;
    this.count = count;
  }

  get isReadBack(): boolean {
    return this.#readBack;
  }
}
export type CrlPage = CrlPageProof;

const wholeSeconds = (at: Date): number => Math.floor(at.getTime() / 1000);

const isSame = (one: RevokedEntry, other: RevokedEntry | undefined): boolean =>
  other !== undefined &&
  Buffer.compare(one.serial, other.serial) === 0 &&
  wholeSeconds(one.revokedAt) === wholeSeconds(other.revokedAt) &&
  one.reason === other.reason;

/** Encodes a page of entries and reads it back. Throws an `Error` where that differs: a defect of ours. */
export function prepareCrlPage(entries: readonly RevokedEntry[]): CrlPage {
  const octets = encodeRevokedEntries(entries);
  const read = [...readRevokedEntries(octets)];
  if (read.length !== entries.length || !entries.every((entry, i) => isSame(entry, read[i])))
    throw new Error('the encoded entries of a CRL are not those that were given');
  return new CrlPageProof(octets, entries.length);
}

/**
 * A tbsCertList that was read back and equals its plan. It can be taken for signing once, by the issuer it was
 * made for.
 */
class SignableCrlProof {
  /** SHA-256 of the octets: what the intent records. */
  readonly digest: Uint8Array;
  readonly #issuerId: number;
  readonly #tbs: Uint8Array;
  #taken = false;

  constructor(issuerId: number, tbs: Uint8Array) {
    this.digest = sha256(tbs);
    this.#issuerId = issuerId;
    this.#tbs = tbs;
  }

  /** The octets to sign. Throws at the second call, and for another issuer than the plan's. */
  takeFor(issuerId: number): Uint8Array {
    if (this.#issuerId !== issuerId) throw new Error('a CRL was offered to an issuer it was not made for');
    if (this.#taken) throw new Error('a CRL was offered for signing twice');
    this.#taken = true;
    return this.#tbs;
  }
}
export type SignableCrl = SignableCrlProof;

const isExtension = (one: Extension, other: Extension | undefined): boolean =>
  other?.oid === one.oid && other.critical === one.critical && Buffer.compare(other.value, one.value) === 0;

/**
 * Encodes a CRL of the pages, in their order, and reads it back. Throws an `Error` where it is not what was
 * planned, or the issuer may not sign it: that is a defect of ours, and nothing was signed yet.
 */
export function prepareCrl({ issuer, ...plan }: CrlPlan, pages: readonly CrlPage[]): SignableCrl {
  const { certificate, algorithm, generationId } = issuer;
  // RFC 5280, 5.2.1 and 5.2.3: both are due in every CRL.
  const extensions: readonly Extension[] = [
    authorityKeyIdentifier(certificate),
    makeExtension(OID.crlNumber, false, encodeCrlNumber(plan.number)),
  ];
  const entries = pages.map(({ octets }) => octets);
  const tbs = encodeTbsCertList({
    algorithm,
    issuer: certificate.subject.der,
    thisUpdate: plan.thisUpdate,
    nextUpdate: plan.nextUpdate,
    entries,
    extensions,
  });
  const read = parseTbsCertList(tbs);
  const size = entries.reduce((sum, { length }) => sum + length, 0);
  const holds =
    maySignCrls(certificate) &&
    plan.thisUpdate < plan.nextUpdate &&
    read.algorithm === algorithm &&
    Buffer.compare(read.issuer.der, certificate.subject.der) === 0 &&
    read.thisUpdate.getTime() === plan.thisUpdate.getTime() &&
    read.nextUpdate.getTime() === plan.nextUpdate.getTime() &&
    read.entries.length === size &&
    crlNumberOf(read) === plan.number &&
    read.extensions.length === extensions.length &&
    extensions.every((one, i) => isExtension(one, read.extensions[i]));
  if (!holds) throw new Error('the encoded CRL is not what was planned');
  return new SignableCrlProof(generationId, tbs);
}
