import {
  type AuthorityResult,
  type Fleet,
  type Generation,
  generationCertificate,
  generationWarnings,
  isInBundle,
  placeOf,
  type RootLink,
} from '../ca/index.ts';
import {
  certificateFingerprint,
  describeKey,
  encodeCertificatePem,
  formatName,
  parseCertificate,
} from '../x509/index.ts';
import { formatInstant } from './instant.ts';

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

function issuerJson(generation: Generation, all: readonly Generation[]) {
  if (generation.issuerId === generation.id) return null;
  const issuer = all.find(({ id }) => id === generation.issuerId);
  if (!issuer) throw new Error('the issuer of a generation is not in its fleet');
  return { authority: issuer.authority, generation: issuer.number };
}

function linkJson({ issuerId, certificate }: RootLink, all: readonly Generation[]) {
  const issuer = all.find(({ id }) => id === issuerId);
  if (!issuer) throw new Error('the root that signed a link is not in its fleet');
  const { notAfter } = parseCertificate(certificate);
  return {
    signedBy: issuer.number,
    fingerprint: hex(certificateFingerprint(certificate)),
    notAfter: formatInstant(notAfter),
    certificate: encodeCertificatePem(certificate),
  };
}

/** A generation as the API shows it; `all`: those of its fleet. */
export function authorityJson({ generation, warnings }: AuthorityResult, all: readonly Generation[]) {
  const certificate = generationCertificate(generation);
  return {
    name: generation.authority,
    kind: generation.kind,
    generation: generation.number,
    state: generation.state,
    inTrustBundle: isInBundle(generation),
    keyState: generation.key,
    profile: generation.profile,
    imported: generation.imported,
    key: describeKey(certificate.publicKey.key),
    keyPlace: placeOf(generation.keyId),
    keyId: generation.keyId,
    subject: formatName(certificate.subject),
    serial: hex(certificate.serial),
    fingerprint: hex(certificateFingerprint(generation.certificate)),
    notBefore: formatInstant(certificate.notBefore),
    notAfter: formatInstant(certificate.notAfter),
    issuer: issuerJson(generation, all),
    certificate: encodeCertificatePem(generation.certificate),
    links: generation.links.map((link) => linkJson(link, all)),
    createdAt: formatInstant(generation.createdAt),
    warnings,
  };
}

/** A generation with what a person should know of it. */
export const withWarnings = (generation: Generation, fleet: Fleet): AuthorityResult => ({
  generation,
  warnings: generationWarnings(generation, fleet.target),
});
