import { createHash } from 'node:crypto';
import { OID } from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import {
  type Certificate,
  type Extension,
  encodeAuthorityKeyIdentifier,
  encodeBasicConstraints,
  encodeCrlDistributionPoint,
  encodeExtendedKeyUsage,
  encodeKeyUsage,
  encodeName,
  encodeSubjectAltName,
  encodeSubjectKeyIdentifier,
  findExtension,
  keyIdentifier,
  makeExtension,
  type PublicKey,
  readSubjectKeyIdentifier,
  type SignatureAlgorithm,
  type TbsContent,
} from '../x509/index.ts';
import type { AuthorityProfile, DeviceProfile, Profile } from './profile.ts';
import type { GrantedExtensions } from './requested-extensions.ts';
import { subjectFor } from './subject.ts';

/** The generation that will sign, as far as a plan needs it. */
export interface Issuer {
  readonly generationId: number;
  readonly certificate: Certificate;
  /** What its key signs with. */
  readonly algorithm: SignatureAlgorithm;
  /** The path of its CRL on the public pages; null, or absent: it has none. */
  readonly crlPath?: string | null;
}

type PlanKind = Profile['kind'] | 'link';

/** What a certificate will say, every field explicit, and who will sign it. */
class CertificatePlanProof {
  readonly content: TbsContent;
  /** The signing generation; null: its own key (self-signed). */
  readonly issuer: Issuer | null;
  readonly kind: PlanKind;
  readonly warnings: readonly string[];
  readonly #planned = true;

  constructor(content: TbsContent, issuer: Issuer | null, kind: PlanKind, warnings: readonly string[]) {
    this.content = content;
    this.issuer = issuer;
    this.kind = kind;
    this.warnings = warnings;
  }

  get isPlanned(): boolean {
    return this.#planned;
  }
}
export type CertificatePlan = CertificatePlanProof;

/** What every link certificate says. It has no profile of an operator's: a verifier has to get from root to root. */
export const LINK_PROFILE = {
  name: 'link',
  keyUsage: ['keyCertSign', 'cRLSign'],
  backdateHours: 48,
} as const;
export const linkProfileDigest = createHash('sha256').update(JSON.stringify(LINK_PROFILE)).digest();

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** An authority with less left than this issues nothing: what it signed would be dead on arrival. */
export const ISSUER_MARGIN_DAYS = 30;

const wholeSeconds = (milliseconds: number): Date => new Date(Math.floor(milliseconds / 1000) * 1000);

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly warnings: readonly string[];
}

/** Refuses `issuer-near-end`. */
export function verifyIssuerAlive(issuer: Certificate, now: Date): void {
  const left = Math.floor((issuer.notAfter.getTime() - now.getTime()) / DAY);
  if (left >= ISSUER_MARGIN_DAYS) return;
  const end = issuer.notAfter.toISOString().slice(0, 10);
  throw new PkiError(
    'issuer-near-end',
    `The issuing authority ends on ${end}; with under ${ISSUER_MARGIN_DAYS} days left it issues no more. Rotate it.`,
    { facts: { daysLeft: left } },
  );
}

function notBeforeFor(profile: Profile, issuer: Certificate | null, now: Date): Date {
  const backdated = now.getTime() - profile.backdateHours * HOUR;
  return wholeSeconds(Math.max(backdated, issuer?.notBefore.getTime() ?? backdated));
}

function defaultValidity(profile: Profile, issuer: Certificate | null, now: Date): Validity {
  const notBefore = notBeforeFor(profile, issuer, now);
  const wished = wholeSeconds(now.getTime() + profile.validityDays * DAY);
  if (issuer === null || wished <= issuer.notAfter) return { notBefore, notAfter: wished, warnings: [] };
  const end = issuer.notAfter.toISOString().slice(0, 19);
  return {
    notBefore,
    notAfter: issuer.notAfter,
    warnings: [
      `The validity was shortened to the issuer's end, ${end}Z; the profile's is ${profile.validityDays} days.`,
    ],
  };
}

/** A validity that the request named: taken as it is, or refused; never bent. */
function askedValidity(profile: DeviceProfile, issuer: Certificate, now: Date, asked: Date): Validity {
  const notAfter = wholeSeconds(asked.getTime());
  if (notAfter <= now) throw new PkiError('bad-request', 'notAfter lies in the past.');
  if (notAfter > issuer.notAfter) {
    throw new PkiError(
      'validity-exceeds-issuer',
      `notAfter lies beyond the issuer's own end, ${issuer.notAfter.toISOString()}.`,
    );
  }
  if (notAfter.getTime() > now.getTime() + profile.maxValidityDays * DAY) {
    throw new PkiError(
      'validity-exceeds-profile',
      `The profile ${profile.name} grants at most ${profile.maxValidityDays} days.`,
    );
  }
  return { notBefore: notBeforeFor(profile, issuer, now), notAfter, warnings: [] };
}

/** RFC 5280, 4.2.1.1: AKI repeats the issuer's SKI; a root without one gets what its SKI would have been. */
export function authorityKeyIdentifier(issuer: Certificate): Extension {
  const own = findExtension(issuer, OID.subjectKeyIdentifier);
  const id = own ? readSubjectKeyIdentifier(own) : keyIdentifier(issuer.publicKey.keyBits);
  return makeExtension(OID.authorityKeyIdentifier, false, encodeAuthorityKeyIdentifier(id));
}

const subjectKeyIdentifier = (key: PublicKey): Extension =>
  makeExtension(OID.subjectKeyIdentifier, false, encodeSubjectKeyIdentifier(keyIdentifier(key.keyBits)));

function crlDistributionPoint({ crlBaseUrl }: Profile, issuer: Issuer): readonly Extension[] {
  if (!crlBaseUrl || !issuer.crlPath) return [];
  const value = encodeCrlDistributionPoint(crlBaseUrl + issuer.crlPath);
  return [makeExtension(OID.crlDistributionPoints, false, value)];
}

function keyUsageOf(profile: Profile): readonly Extension[] {
  const usage = profile.keyUsage;
  return usage ? [makeExtension(OID.keyUsage, usage.critical, encodeKeyUsage(usage.bits))] : [];
}

function devicePurposes(profile: DeviceProfile, granted: GrantedExtensions): readonly Extension[] {
  const purposes = [...(profile.extendedKeyUsage?.purposes ?? []), ...granted.purposes];
  if (purposes.length === 0) return [];
  const critical = profile.extendedKeyUsage?.critical ?? true;
  return [makeExtension(OID.extendedKeyUsage, critical, encodeExtendedKeyUsage(purposes))];
}

function deviceExtensions(input: DevicePlanInput): readonly Extension[] {
  const { profile, granted, publicKey, issuer, deviceId } = input;
  return [
    ...(profile.basicConstraints === 'omit'
      ? []
      : [makeExtension(OID.basicConstraints, true, encodeBasicConstraints({ ca: false, pathLength: null }))]),
    ...keyUsageOf(profile),
    ...devicePurposes(profile, granted),
    ...(granted.subjectAltName === 'device-id'
      ? [makeExtension(OID.subjectAltName, false, encodeSubjectAltName([deviceId]))]
      : []),
    subjectKeyIdentifier(publicKey),
    authorityKeyIdentifier(issuer.certificate),
    ...crlDistributionPoint(profile, issuer),
  ];
}

export interface DevicePlanInput {
  readonly profile: DeviceProfile;
  readonly deviceId: string;
  readonly publicKey: PublicKey;
  readonly granted: GrantedExtensions;
  readonly issuer: Issuer;
  readonly serial: Uint8Array;
  readonly now: Date;
  /** null: the profile's validity. */
  readonly notAfter: Date | null;
}

/** The validity of a device certificate. Refuses as `planDeviceCertificate` does. */
export function deviceValidity(
  profile: DeviceProfile,
  issuer: Certificate,
  now: Date,
  notAfter: Date | null,
): Validity {
  verifyIssuerAlive(issuer, now);
  return notAfter ? askedValidity(profile, issuer, now, notAfter) : defaultValidity(profile, issuer, now);
}

/**
 * Plans a device certificate. Refuses `issuer-near-end`, `validity-exceeds-issuer`,
 * `validity-exceeds-profile`, and `bad-request` for a notAfter that has passed.
 */
export function planDeviceCertificate(input: DevicePlanInput): CertificatePlan {
  const { profile, issuer, now, notAfter } = input;
  const validity = deviceValidity(profile, issuer.certificate, now, notAfter);
  const content: TbsContent = {
    serial: input.serial,
    algorithm: issuer.algorithm,
    issuer: issuer.certificate.subject.der,
    notBefore: validity.notBefore,
    notAfter: validity.notAfter,
    subject: encodeName(subjectFor(input.deviceId, profile.subject)),
    publicKey: input.publicKey.spki,
    extensions: deviceExtensions(input),
  };
  return new CertificatePlanProof(content, issuer, 'device', validity.warnings);
}

export interface AuthorityPlanInput {
  readonly profile: AuthorityProfile;
  readonly commonName: string;
  readonly publicKey: PublicKey;
  /** null: self-signed, with `algorithm`. */
  readonly issuer: Issuer | null;
  /** What the signing key signs with. */
  readonly algorithm: SignatureAlgorithm;
  readonly serial: Uint8Array;
  readonly now: Date;
}

function authorityExtensions({ profile, publicKey, issuer }: AuthorityPlanInput): readonly Extension[] {
  const { basicConstraints, extendedKeyUsage } = profile;
  const constraints = encodeBasicConstraints({ ca: true, pathLength: basicConstraints.pathLength });
  return [
    makeExtension(OID.basicConstraints, basicConstraints.critical, constraints),
    ...keyUsageOf(profile),
    ...(extendedKeyUsage
      ? [
          makeExtension(
            OID.extendedKeyUsage,
            extendedKeyUsage.critical,
            encodeExtendedKeyUsage(extendedKeyUsage.purposes),
          ),
        ]
      : []),
    ...(profile.subjectKeyIdentifier === 'omit' ? [] : [subjectKeyIdentifier(publicKey)]),
    ...(issuer ? [authorityKeyIdentifier(issuer.certificate), ...crlDistributionPoint(profile, issuer)] : []),
  ];
}

/** Plans a CA certificate: a root (self-signed) or an issuing authority. Refuses `issuer-near-end`. */
export function planAuthorityCertificate(input: AuthorityPlanInput): CertificatePlan {
  const { profile, issuer, now } = input;
  if (issuer) verifyIssuerAlive(issuer.certificate, now);
  const validity = defaultValidity(profile, issuer?.certificate ?? null, now);
  const subject = encodeName(subjectFor(input.commonName, profile.subject));
  const content: TbsContent = {
    serial: input.serial,
    algorithm: input.algorithm,
    issuer: issuer?.certificate.subject.der ?? subject,
    notBefore: validity.notBefore,
    notAfter: validity.notAfter,
    subject,
    publicKey: input.publicKey.spki,
    extensions: authorityExtensions(input),
  };
  return new CertificatePlanProof(content, issuer, profile.kind, validity.warnings);
}

export interface LinkPlanInput {
  /** The root whose name and key it is about. */
  readonly subject: Certificate;
  /** The root that signs it. */
  readonly issuer: Issuer;
  /** How many CAs may follow below it; null: any number. */
  readonly pathLength: number | null;
  readonly serial: Uint8Array;
  readonly now: Date;
}

function linkExtensions({ subject, issuer, pathLength }: LinkPlanInput): readonly Extension[] {
  const own = findExtension(subject, OID.subjectKeyIdentifier);
  return [
    makeExtension(OID.basicConstraints, true, encodeBasicConstraints({ ca: true, pathLength })),
    makeExtension(OID.keyUsage, true, encodeKeyUsage(LINK_PROFILE.keyUsage)),
    // What the root has signed names it by this: a path through the link is found as one to the root is.
    own ? makeExtension(OID.subjectKeyIdentifier, false, own.value) : subjectKeyIdentifier(subject.publicKey),
    authorityKeyIdentifier(issuer.certificate),
  ];
}

const laterOf = (...dates: readonly Date[]): number => Math.max(...dates.map((date) => date.getTime()));
const earlierOf = (...dates: readonly Date[]): number => Math.min(...dates.map((date) => date.getTime()));

/**
 * Plans a certificate of one root's name and key, signed by another (RFC 4210, 4.4). It says what a verifier needs
 * to go on from one to the other, no purposes, and lives while both do. Refuses `issuer-near-end`.
 */
export function planLinkCertificate(input: LinkPlanInput): CertificatePlan {
  const { subject, issuer, now } = input;
  const signer = issuer.certificate;
  verifyIssuerAlive(signer, now);
  const backdated = new Date(now.getTime() - LINK_PROFILE.backdateHours * HOUR);
  const content: TbsContent = {
    serial: input.serial,
    algorithm: issuer.algorithm,
    issuer: signer.subject.der,
    notBefore: wholeSeconds(laterOf(backdated, signer.notBefore, subject.notBefore)),
    notAfter: wholeSeconds(earlierOf(signer.notAfter, subject.notAfter)),
    subject: subject.subject.der,
    publicKey: subject.publicKey.spki,
    extensions: linkExtensions(input),
  };
  return new CertificatePlanProof(content, issuer, 'link', []);
}
