/** Certificates of every shape, as other tools make them: what our own encoder never writes too. */
import {
  createPrivateKey,
  type ED25519KeyPairOptions,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import {
  context,
  encodeBitString,
  encodeElement,
  encodeNull,
  encodeOctetString,
  encodeOid,
  encodePem,
  encodeSequence,
  encodeSetOf,
  encodeSmallInteger,
  encodeTime,
  encodeUtf8String,
  OID,
  TAG,
} from '../../src/asn1/index.ts';
import {
  type Extension,
  encodeAuthorityKeyIdentifier,
  encodeBasicConstraints,
  encodeCrlNumber,
  encodeCrlPem,
  encodeExtendedKeyUsage,
  encodeExtensions,
  encodeKeyUsage,
  encodeRevokedEntries,
  encodeSubjectKeyIdentifier,
  encodeTbsCertList,
  type KeyUsage,
  keyIdentifier,
  type Purpose,
  parseForeignCertificate,
} from '../../src/x509/index.ts';

/** Gateways know no clock but the real one; tests that call some set the present before they import this. */
export const NOW = new Date(process.env.FLEETCA_TEST_NOW ?? '2026-06-01T12:00:00Z');
export const UUID = '0f8fad5b-d9cb-469f-a165-70867728950e';
const DAY = 24 * 60 * 60 * 1000;
export const days = (n: number): Date => new Date(NOW.getTime() + n * DAY);

export interface Pair {
  readonly privateKey: KeyObject;
  readonly spki: Uint8Array;
}

/** The overloads of generateKeyPairSync tell DER from PEM by a declared type, not by a literal. */
const ENCODED: ED25519KeyPairOptions<'der', 'pem'> = {
  publicKeyEncoding: { type: 'spki', format: 'der' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
};

const pair = (made: { readonly publicKey: Buffer; readonly privateKey: string }): Pair => ({
  privateKey: createPrivateKey(made.privateKey),
  spki: made.publicKey,
});

export const ecPair = (namedCurve = 'P-256', paramEncoding: 'named' | 'explicit' = 'named'): Pair =>
  pair(generateKeyPairSync('ec', { namedCurve, paramEncoding, ...ENCODED }));
export const rsaPair = (modulusLength: number): Pair =>
  pair(generateKeyPairSync('rsa', { modulusLength, ...ENCODED }));
export const ed25519Pair = (): Pair => pair(generateKeyPairSync('ed25519', ENCODED));

type Attribute = readonly [oid: string, text: string, tag?: number];

function stringOf([, text, tag]: Attribute): Uint8Array {
  if (tag === undefined) return encodeUtf8String(text);
  const octets = tag === TAG.bmpString ? Buffer.from(text, 'utf16le').swap16() : Buffer.from(text, 'latin1');
  return encodeElement(tag, octets);
}

export const nameDer = (attributes: readonly Attribute[]): Uint8Array =>
  encodeSequence(...attributes.map((one) => encodeSetOf(encodeSequence(encodeOid(one[0]), stringOf(one)))));

export const cn = (text: string): readonly Attribute[] => [[OID.commonName, text]];

export const extension = (oid: string, value: Uint8Array, critical = true): Extension => ({
  oid,
  critical,
  value,
});
export const usage = (bits: readonly KeyUsage[], critical = true): Extension =>
  extension(OID.keyUsage, encodeKeyUsage(bits), critical);
export const purposes = (list: readonly Purpose[]): Extension =>
  extension(OID.extendedKeyUsage, encodeExtendedKeyUsage(list));
export const constraints = (ca: boolean, pathLength: number | null = null, critical = true): Extension =>
  extension(OID.basicConstraints, encodeBasicConstraints({ ca, pathLength }), critical);

const bitsOf = (spki: Uint8Array): Uint8Array => spki.subarray(-65);
export const ski = ({ spki }: Pair): Extension =>
  extension(OID.subjectKeyIdentifier, encodeSubjectKeyIdentifier(keyIdentifier(bitsOf(spki))), false);
export const aki = ({ spki }: Pair): Extension =>
  extension(OID.authorityKeyIdentifier, encodeAuthorityKeyIdentifier(keyIdentifier(bitsOf(spki))), false);

export interface Issued {
  readonly der: Uint8Array;
  readonly name: Uint8Array;
  readonly keys: Pair;
}

export interface Wish {
  readonly subject: readonly Attribute[];
  readonly keys: Pair;
  /** Null: by its own key. */
  readonly issuer: Issued | null;
  readonly extensions: readonly Extension[];
  readonly version?: 1 | 3;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** With SHA-1. */
  readonly weak?: boolean;
}

const ALGORITHMS = {
  ec: encodeSequence(encodeOid(OID.ecdsaWithSha256)),
  'ec-weak': encodeSequence(encodeOid(OID.ecdsaWithSha1)),
  rsa: encodeSequence(encodeOid(OID.sha256WithRsaEncryption), encodeNull()),
  ed25519: encodeSequence(encodeOid(OID.ed25519)),
} as const;

let serial = 1000;

export function certify(wish: Wish): Issued {
  const { subject, keys, issuer, extensions, version = 3, weak = false } = wish;
  const name = nameDer(subject);
  const signer = issuer?.keys ?? keys;
  const kind = `${signer.privateKey.asymmetricKeyType}${weak ? '-weak' : ''}` as keyof typeof ALGORITHMS;
  const algorithm = ALGORITHMS[kind];
  const tbs = encodeSequence(
    ...(version === 3 ? [encodeElement(context(0, 'constructed'), encodeSmallInteger(2))] : []),
    encodeSmallInteger(serial++),
    algorithm,
    issuer?.name ?? name,
    encodeSequence(encodeTime(wish.notBefore ?? days(-30)), encodeTime(wish.notAfter ?? days(300))),
    name,
    keys.spki,
    ...(version === 3 && extensions.length > 0
      ? [encodeElement(context(3, 'constructed'), encodeExtensions(extensions))]
      : []),
  );
  const digest = weak ? 'sha1' : 'sha256';
  const value = sign(kind === 'ed25519' ? null : digest, tbs, signer.privateKey);
  return { der: encodeSequence(tbs, algorithm, encodeBitString(value)), name, keys };
}

export interface CaWish {
  readonly issuer?: Issued | null;
  readonly keys?: Pair;
  readonly extensions?: readonly Extension[];
  readonly pathLength?: number | null;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly version?: 1 | 3;
}

/** A CA as RFC 5280 has it, but for what is wished otherwise. */
export function ca(name: string, wish: CaWish = {}): Issued {
  const { keys = ecPair(), issuer = null, pathLength = null } = wish;
  const base = [constraints(true, pathLength), usage(['keyCertSign', 'cRLSign']), ski(keys)];
  return certify({
    subject: cn(name),
    keys,
    issuer,
    extensions: wish.extensions ?? [...base, ...(issuer ? [aki(issuer.keys)] : [])],
    notBefore: wish.notBefore ?? days(-100),
    notAfter: wish.notAfter ?? days(3000),
    ...(wish.version ? { version: wish.version } : {}),
  });
}

export interface LeafWish extends Partial<Omit<Wish, 'issuer'>> {}

/** A device's certificate as fleetca issues it, but for what is wished otherwise. */
export function leaf(issuer: Issued, keys: Pair, wish: LeafWish = {}): Issued {
  return certify({
    subject: cn(UUID),
    keys,
    issuer,
    extensions: leafExtensions(issuer, keys),
    ...wish,
  });
}

export const leafExtensions = (
  issuer: Issued,
  keys: Pair,
  own: readonly Extension[] = [usage(['digitalSignature']), purposes(['clientAuth'])],
): readonly Extension[] => [...own, ski(keys), aki(issuer.keys)];

export interface CrlWish {
  /** Days from now. */
  readonly from?: number;
  readonly to?: number;
  /** Another key than the issuer's. */
  readonly keys?: Pair;
}

/** A CRL under the name of a CA, PEM. */
export function crl(issuer: Issued, revoked: readonly Issued[] = [], wish: CrlWish = {}): string {
  const { from = -1, to = 6, keys = issuer.keys } = wish;
  const entries = encodeRevokedEntries(
    revoked.map(({ der }) => ({
      serial: parseForeignCertificate(der).serial,
      revokedAt: days(-1),
      reason: 'keyCompromise',
    })),
  );
  const tbs = encodeTbsCertList({
    algorithm: 'ecdsa-with-SHA256',
    issuer: issuer.name,
    thisUpdate: days(from),
    nextUpdate: days(to),
    entries: [entries],
    extensions: [aki(issuer.keys), { oid: OID.crlNumber, critical: false, value: encodeCrlNumber(serial++) }],
  });
  const value = sign('sha256', tbs, keys.privateKey);
  return encodeCrlPem(encodeSequence(tbs, ALGORITHMS.ec, encodeBitString(value)));
}

export const pem = (...certificates: readonly Issued[]): string =>
  certificates.map(({ der }) => encodePem('CERTIFICATE', der)).join('');

export const pkcs8 = ({ privateKey }: Pair): string =>
  privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

/** An extension that nobody knows. */
export const unknownExtension = (critical: boolean): Extension =>
  extension('1.3.6.1.4.1.55555.1', encodeOctetString(Uint8Array.of(1)), critical);
