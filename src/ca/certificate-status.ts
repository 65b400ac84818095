import type { CertificateStatus, StoredCertificate } from './ledger-records.ts';

/** What a certificate is at a time: `revoked` goes before `expired`, and that before `superseded`. */
export function certificateStatus(certificate: StoredCertificate, at: Date): CertificateStatus {
  if (certificate.revokedAt !== null) return 'revoked';
  if (certificate.notAfter <= at) return 'expired';
  return certificate.supersededAt === null ? 'active' : 'superseded';
}
