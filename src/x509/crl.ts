import {
  context,
  DerReader,
  type Element,
  elementBytes,
  encodeElement,
  encodePem,
  encodeSequence,
  encodeSmallInteger,
  encodeTime,
  encodeUnsigned,
  OID,
  readBitString,
  readElement,
  readInteger,
  readTime,
  TAG,
} from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import type { SignatureAlgorithm } from './algorithms.ts';
import { type Extension, encodeExtensions, readExtensions } from './extensions.ts';
import { type Name, readName } from './name.ts';
import { encodeSignatureAlgorithm, readSignatureAlgorithm } from './signature.ts';

/** CRLReason by its names (RFC 5280, 5.3.1), those that fit a device. A hold is none: it would have to be taken back. */
export const REVOCATION_REASONS = {
  unspecified: 0,
  keyCompromise: 1,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  privilegeWithdrawn: 9,
} as const;
export type RevocationReason = keyof typeof REVOCATION_REASONS;

/** All that our CRLs give: a CA's certificate has a reason of its own. */
const CRL_REASONS = { ...REVOCATION_REASONS, cACompromise: 2 } as const;
export type CrlReason = keyof typeof CRL_REASONS;

/** One entry of a CRL. */
export interface RevokedEntry {
  /** Magnitude octets, big-endian. */
  readonly serial: Uint8Array;
  /** Whole seconds. */
  readonly revokedAt: Date;
  readonly reason: CrlReason;
}

/** What a tbsCertList says, every field explicit (RFC 5280, 5.1.2). */
export interface CrlContent {
  readonly algorithm: SignatureAlgorithm;
  /** Name, DER. */
  readonly issuer: Uint8Array;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** Entries as `encodeRevokedEntries` wrote them, one piece after the other. */
  readonly entries: readonly Uint8Array[];
  readonly extensions: readonly Extension[];
}

/** A CRL as read: strict DER, version 2. Its entries are not read yet. */
export interface Crl {
  readonly tbs: Uint8Array;
  readonly algorithm: SignatureAlgorithm;
  readonly issuer: Name;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** The content of revokedCertificates; empty where nothing is revoked. For `readRevokedEntries`. */
  readonly entries: Uint8Array;
  readonly extensions: readonly Extension[];
  readonly signature: Uint8Array;
}

const VERSION_2 = 1;
const NOTHING = new Uint8Array(0);

function malformed(message: string): never {
  throw new PkiError('bad-der', message);
}

/** Entries' extensions: the reason, which is left out where there is none to tell (RFC 5280, 5.3.1). */
const REASON_EXTENSIONS: ReadonlyMap<CrlReason, Uint8Array> = new Map(
  Object.entries(CRL_REASONS).map(([name, code]) => {
    const value = encodeElement(TAG.enumerated, Uint8Array.of(code));
    const extensions = encodeExtensions([{ oid: OID.reasonCode, critical: false, value }]);
    return [name as CrlReason, name === 'unspecified' ? NOTHING : extensions];
  }),
);

/** Encodes entries one after the other, without a frame: a piece of a list. */
export const encodeRevokedEntries = (entries: readonly RevokedEntry[]): Uint8Array =>
  Buffer.concat(
    entries.map(({ serial, revokedAt, reason }) =>
      encodeSequence(
        encodeUnsigned(serial),
        encodeTime(revokedAt),
        REASON_EXTENSIONS.get(reason) ?? malformed(`There is no reason ${reason}.`),
      ),
    ),
  );

const NAMES_BY_CODE: ReadonlyMap<number, CrlReason> = new Map(
  Object.entries(CRL_REASONS).map(([name, code]) => [code, name as CrlReason]),
);

function readReason(extensions: readonly Extension[]): CrlReason {
  const [extension, ...more] = extensions;
  if (extension?.oid !== OID.reasonCode || extension.critical || more.length > 0) {
    return malformed('An entry of the CRL has an extension that is not its reason.');
  }
  const element = readElement(extension.value);
  const code = extension.value[element.contentStart];
  const isOne = element.tag === TAG.enumerated && element.end === element.contentStart + 1;
  const name = isOne && code !== undefined ? NAMES_BY_CODE.get(code) : undefined;
  if (name === undefined || name === 'unspecified' || element.end !== extension.value.length)
    return malformed('An entry of the CRL has a reason that we do not know.');
  return name;
}

/** Reads entries that stand one after the other, as we write them. Refuses `bad-der`. */
export function* readRevokedEntries(entries: Uint8Array): Generator<RevokedEntry> {
  const list = new DerReader(entries);
  while (!list.atEnd) {
    const entry = list.sequence('an entry of the CRL');
    const serial = readInteger(entry.expect(TAG.integer, 'a serial number'));
    const revokedAt = readTime(entry.any());
    const extensions = entry.optional(TAG.sequence);
    entry.end('an entry of the CRL');
    yield { serial, revokedAt, reason: extensions ? readReason(readExtensions(extensions)) : 'unspecified' };
  }
}

/** Encodes a tbsCertList of version 2. */
export function encodeTbsCertList(content: CrlContent): Uint8Array {
  const { entries, extensions } = content;
  // RFC 5280, 5.1.2.6: where nothing is revoked, the list is left out.
  const isEmpty = entries.every(({ length }) => length === 0);
  return encodeSequence(
    encodeSmallInteger(VERSION_2),
    encodeSignatureAlgorithm(content.algorithm),
    content.issuer,
    encodeTime(content.thisUpdate),
    encodeTime(content.nextUpdate),
    ...(isEmpty ? [] : [encodeSequence(...entries)]),
    encodeElement(context(0, 'constructed'), encodeExtensions(extensions)),
  );
}

type Tbs = Omit<Crl, 'signature'>;

function readTbs(element: Element): { body: Tbs; identifier: Uint8Array } {
  const reader = DerReader.inside(element);
  const [version, ...more] = readInteger(reader.expect(TAG.integer, 'the version'));
  if (version !== VERSION_2 || more.length > 0) malformed('The CRL is not of version 2.');
  const signature = reader.expect(TAG.sequence, "the signature's algorithm");
  const algorithm = readSignatureAlgorithm(signature);
  const issuer = readName(reader.expect(TAG.sequence, 'the issuer'));
  const thisUpdate = readTime(reader.any());
  const nextUpdate = readTime(reader.any());
  const list = reader.optional(TAG.sequence);
  const wrapped = DerReader.inside(reader.expect(context(0, 'constructed'), 'the extensions'));
  reader.end('the extensions');
  const extensions = readExtensions(wrapped.expect(TAG.sequence, 'the extensions'));
  wrapped.end('the extensions');
  const entries = list ? list.bytes.subarray(list.contentStart, list.end) : NOTHING;
  if (list && entries.length === 0) malformed('The list of the CRL is there, and empty.');
  const tbs = elementBytes(element);
  return {
    body: { tbs, algorithm, issuer, thisUpdate, nextUpdate, entries, extensions },
    identifier: elementBytes(signature),
  };
}

/** Reads a tbsCertList of version 2 from its own octets; nothing may follow it. */
export function parseTbsCertList(tbs: Uint8Array): Tbs {
  const reader = new DerReader(tbs);
  const element = reader.expect(TAG.sequence, 'the CRL');
  reader.end('the CRL');
  return readTbs(element).body;
}

/** Reads a CRL from DER; nothing may follow it. It says nothing of its signature. Refuses `bad-der`. */
export function parseCrl(der: Uint8Array): Crl {
  const whole = new DerReader(der);
  const outside = whole.expect(TAG.sequence, 'the CRL');
  whole.end('the CRL');
  const reader = DerReader.inside(outside);
  const tbs = reader.expect(TAG.sequence, 'the CRL');
  const outer = reader.expect(TAG.sequence, "the signature's algorithm");
  const { bits, unused } = readBitString(reader.expect(TAG.bitString, 'the signature'));
  reader.end('the signature');
  const { body, identifier } = readTbs(tbs);
  if (unused !== 0 || Buffer.compare(elementBytes(outer), identifier) !== 0)
    malformed('The CRL names two signature algorithms, or its signature is not whole octets.');
  return { ...body, signature: bits };
}

/** The serials of a CRL from wherever, whatever else its entries say; hex. Refuses `bad-der`. */
export function revokedSerials({ entries }: Pick<Crl, 'entries'>): readonly string[] {
  const serials: string[] = [];
  for (const list = new DerReader(entries); !list.atEnd; ) {
    const entry = list.sequence('an entry of the CRL');
    const serial = readInteger(entry.expect(TAG.integer, 'a serial number'));
    serials.push(Buffer.from(serial).toString('hex'));
  }
  return serials;
}

/** cRLNumber (RFC 5280, 5.2.3). */
export const encodeCrlNumber = (number: number): Uint8Array => encodeSmallInteger(number);

/** The number that a CRL carries; undefined where it has none, or one beyond 2^53. */
export function crlNumberOf({ extensions }: Pick<Crl, 'extensions'>): number | undefined {
  const extension = extensions.find(({ oid }) => oid === OID.crlNumber);
  if (!extension) return undefined;
  const element = readElement(extension.value);
  if (element.tag !== TAG.integer || element.end !== extension.value.length) return undefined;
  const number = Number(`0x${Buffer.from(readInteger(element)).toString('hex')}`);
  return Number.isSafeInteger(number) ? number : undefined;
}

/** PEM as OpenSSL and nginx read it (RFC 7468, section 7). */
export const encodeCrlPem = (der: Uint8Array): string => encodePem('X509 CRL', der);
