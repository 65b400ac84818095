import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { OID } from '../asn1/index.ts';
import { mintSerial, type Signer } from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import type { Random } from '../random.ts';
import {
  assembleCertificate,
  type Certificate,
  encodeAuthorityKeyIdentifier,
  encodeBasicConstraints,
  encodeCertificatePem,
  encodeExtendedKeyUsage,
  encodeKeyUsage,
  encodeName,
  encodeSubjectAltName,
  encodeSubjectKeyIdentifier,
  encodeTbs,
  importPublicKey,
  isSignatureValid,
  isSignedBy,
  keyIdentifier,
  makeExtension,
  parseCertificate,
  parsePublicKey,
  type TbsContent,
} from '../x509/index.ts';

/** The CA that certifies the service itself, and nothing else: never a device, never in a trust bundle. */
export interface ServiceCa {
  /** The newest. */
  readonly certificate: Certificate;
  /** Those of before, the newest first: of the same key and name, so that what is signed verifies by each of them. */
  readonly before: readonly Certificate[];
  readonly signer: Signer;
}

const DAY = 86_400_000;
const CA_DAYS = 3650;
/** Renewed when a third of it is left. */
export const SERVER_DAYS = 90;
const BACKDATE_MS = 60 * 60_000;

const wholeSeconds = (milliseconds: number): Date => new Date(Math.floor(milliseconds / 1000) * 1000);
/** What the service CA's key is about to sign, as it is written down before. */
export interface ServiceIntent {
  /** Lower-case hex. */
  readonly serial: string;
  /** SHA-256 of the tbsCertificate, hex. */
  readonly tbsDigest: string;
  readonly notAfter: Date;
}

/** Resolves when an intent is on disk. Where it rejects, nothing is signed. */
export type RecordServiceIntent = (intent: ServiceIntent) => Promise<void>;

/** Writes down, signs, and looks at what came out before anybody gets it. */
async function signed(signer: Signer, fields: TbsContent, record: RecordServiceIntent): Promise<Certificate> {
  const tbs = encodeTbs(fields);
  await record({
    serial: Buffer.from(fields.serial).toString('hex'),
    tbsDigest: createHash('sha256').update(tbs).digest('hex'),
    notAfter: fields.notAfter,
  });
  const signature = await signer.sign(tbs);
  const { key } = parsePublicKey(signer.publicKey);
  const imported = importPublicKey(parsePublicKey(signer.publicKey));
  if (!isSignatureValid(signer.algorithm, key.kind, imported, tbs, signature)) {
    throw new PkiError('signer-unavailable', "The service CA's key made a signature that does not verify.");
  }
  return parseCertificate(assembleCertificate(tbs, signer.algorithm, signature));
}

const isInForce = ({ notAfter }: Certificate, now: Date): boolean => now < notAfter;

/** The certificates of the CA by which a client may know it now, the oldest first: it is what most have pinned. */
export const certificatesInForce = ({ certificate, before }: ServiceCa, now: Date): readonly Certificate[] =>
  [certificate, ...before].filter((one) => isInForce(one, now)).toReversed();

/**
 * True when less than a third of the newest certificate's life is left: clients then have years to take over the next,
 * while the one that they know goes on being right.
 */
export const isCaRenewalDue = ({ certificate: { notBefore, notAfter } }: ServiceCa, now: Date): boolean =>
  notAfter.getTime() - now.getTime() < (notAfter.getTime() - notBefore.getTime()) / 3;

/**
 * Makes the service CA's own certificate: self-signed, ten years, path length 0. Its name ends in the
 * first octets of its key identifier, so that two services on one machine are told apart. Made again with the same key,
 * it is the renewal of those before.
 */
export async function makeServiceCa(
  signer: Signer,
  random: Random,
  now: Date,
  record: RecordServiceIntent,
  before: readonly Certificate[] = [],
): Promise<ServiceCa> {
  const publicKey = parsePublicKey(signer.publicKey);
  const id = keyIdentifier(publicKey.keyBits);
  const name = `fleetca service CA ${Buffer.from(id).toString('hex').slice(0, 8)}`;
  const subject = encodeName([{ type: OID.commonName, value: name }]);
  const fields = {
    serial: mintSerial(random),
    algorithm: signer.algorithm,
    issuer: subject,
    subject,
    notBefore: wholeSeconds(now.getTime() - BACKDATE_MS),
    notAfter: wholeSeconds(now.getTime() + CA_DAYS * DAY),
    publicKey: publicKey.spki,
    extensions: [
      makeExtension(OID.basicConstraints, true, encodeBasicConstraints({ ca: true, pathLength: 0 })),
      makeExtension(OID.keyUsage, true, encodeKeyUsage(['keyCertSign', 'cRLSign'])),
      makeExtension(OID.subjectKeyIdentifier, false, encodeSubjectKeyIdentifier(id)),
    ],
  };
  const inForce = before.filter((one) => isInForce(one, now));
  return { certificate: await signed(signer, fields, record), before: inForce, signer };
}

/**
 * Reads a service CA's certificates as they were kept, the newest first. Throws an `Error` fit for the operator where one
 * is not of this key.
 */
export function readServiceCa(ders: readonly Uint8Array[], signer: Signer): ServiceCa {
  const [certificate, ...before] = ders.map(parseCertificate);
  if (!certificate) throw new Error("the service CA's file holds no certificate");
  for (const one of [certificate, ...before]) {
    const own = Buffer.compare(one.publicKey.spki, signer.publicKey) === 0;
    if (!own || !isSignedBy(one, one))
      throw new Error("the service CA's certificate does not belong to its key");
  }
  return { certificate, before, signer };
}

/** What `readServiceCa` reads, and what clients trust: PEM, the newest first. */
export const encodeServiceCa = ({ certificate, before }: ServiceCa): string =>
  [certificate, ...before].map(({ der }) => encodeCertificatePem(der)).join('');

/** A name for subjectAltName: text for a host, octets for an address. */
const alternativeName = (name: string): string | Uint8Array =>
  isIP(name) === 0 ? name : Uint8Array.from(ipaddr.parse(name).toByteArray());

/**
 * Certifies the service's TLS key (SubjectPublicKeyInfo, DER) for its names: 90 days, serverAuth alone,
 * never beyond the CA's own end.
 */
export async function certifyServer(
  { certificate: ca, signer }: ServiceCa,
  names: readonly string[],
  spki: Uint8Array,
  random: Random,
  now: Date,
  record: RecordServiceIntent,
): Promise<Certificate> {
  const publicKey = parsePublicKey(spki);
  const wished = now.getTime() + SERVER_DAYS * DAY;
  const fields = {
    serial: mintSerial(random),
    algorithm: signer.algorithm,
    issuer: ca.subject.der,
    subject: encodeName([{ type: OID.commonName, value: 'fleetca' }]),
    notBefore: wholeSeconds(Math.max(now.getTime() - BACKDATE_MS, ca.notBefore.getTime())),
    notAfter: wholeSeconds(Math.min(wished, ca.notAfter.getTime())),
    publicKey: publicKey.spki,
    extensions: [
      makeExtension(OID.keyUsage, true, encodeKeyUsage(['digitalSignature'])),
      makeExtension(OID.extendedKeyUsage, false, encodeExtendedKeyUsage(['serverAuth'])),
      makeExtension(OID.subjectAltName, false, encodeSubjectAltName(names.map(alternativeName))),
      makeExtension(
        OID.subjectKeyIdentifier,
        false,
        encodeSubjectKeyIdentifier(keyIdentifier(publicKey.keyBits)),
      ),
      makeExtension(
        OID.authorityKeyIdentifier,
        false,
        encodeAuthorityKeyIdentifier(keyIdentifier(ca.publicKey.keyBits)),
      ),
    ],
  };
  return signed(signer, fields, record);
}

/** SHA-256 of a certificate, hex: what a client pins. */
export const fingerprintOf = (der: Uint8Array): string => createHash('sha256').update(der).digest('hex');
