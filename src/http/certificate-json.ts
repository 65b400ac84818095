import {
  certificateStatus,
  certificatesAbove,
  type Fleet,
  type Generation,
  type StoredCertificate,
} from '../ca/index.ts';
import { encodeCertificatePem } from '../x509/index.ts';
import { formatInstant, formatInstantOrNull } from './instant.ts';

/** A device certificate with what its answer needs beside it. */
export interface CertificateView {
  readonly certificate: StoredCertificate;
  readonly fleet: Fleet;
  /** All generations of the fleet. */
  readonly generations: readonly Generation[];
  /** The time of the call: whether it has expired is judged by it. */
  readonly now: Date;
}

/** What a device sends after its certificate, PEM, the issuer first; '' where the one root issued it. */
export const intermediatesPem = (generations: readonly Generation[], issuerId: number): string =>
  certificatesAbove(generations, issuerId).map(encodeCertificatePem).join('');

export const chainPem = ({ certificate, generations }: CertificateView): string =>
  encodeCertificatePem(certificate.der) + intermediatesPem(generations, certificate.issuerId);

function authorityOf({ certificate, generations }: CertificateView) {
  const issuer = generations.find(({ id }) => id === certificate.issuerId);
  if (!issuer) throw new Error('the issuer of a certificate is not in its fleet');
  return { name: issuer.authority, generation: issuer.number };
}

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

/** As it stands in the list of a device. */
export function certificateEntryJson(view: CertificateView) {
  const { certificate, fleet, now } = view;
  return {
    id: hex(certificate.fingerprint),
    serial: hex(certificate.serial),
    fleet: fleet.name,
    deviceId: certificate.deviceId,
    profile: certificate.profile,
    imported: certificate.imported,
    authority: authorityOf(view),
    notBefore: formatInstant(certificate.notBefore),
    notAfter: formatInstant(certificate.notAfter),
    status: certificateStatus(certificate, now),
    labels: certificate.labels === null ? null : JSON.parse(certificate.labels),
    batch: certificate.batchId,
    station: certificate.tokenId,
    keyDigest: hex(certificate.keyDigest),
    issuedAt: formatInstant(certificate.issuedAt),
    supersededAt: formatInstantOrNull(certificate.supersededAt),
    revokedAt: formatInstantOrNull(certificate.revokedAt),
    revocationReason: certificate.revocationReason,
    supersede:
      certificate.supersede === null
        ? null
        : { reason: certificate.supersede, revokeOld: certificate.revokeOld ?? 'never' },
    renews: certificate.renews?.certificate ?? null,
    seenAt: formatInstantOrNull(certificate.seenAt),
    certificate: encodeCertificatePem(certificate.der),
  };
}

export const certificateJson = (view: CertificateView, warnings: readonly string[]) => ({
  ...certificateEntryJson(view),
  chain: chainPem(view),
  warnings,
});
