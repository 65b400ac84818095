import { formatFields } from './table.ts';

/** A device certificate as the service tells of it. */
export interface CertificateEntry {
  readonly id: string;
  readonly serial: string;
  readonly fleet: string;
  readonly deviceId: string;
  readonly profile: string;
  readonly authority: { readonly name: string; readonly generation: number };
  readonly notBefore: string;
  readonly notAfter: string;
  readonly status: string;
  readonly labels: Readonly<Record<string, string>> | null;
  readonly revocationReason: string | null;
  readonly certificate: string;
}

export interface Certificate extends CertificateEntry {
  /** The leaf, then the intermediates, PEM. */
  readonly chain: string;
  readonly warnings: readonly string[];
}

const labelText = (labels: CertificateEntry['labels']): string | null =>
  labels === null
    ? null
    : Object.entries(labels)
        .map(([name, value]) => `${name}=${value}`)
        .join(' ');

/** A certificate for a person. */
export const certificateLines = (certificate: CertificateEntry): string =>
  formatFields([
    ['device', certificate.deviceId],
    ['status', [certificate.status, certificate.revocationReason].filter(Boolean).join(', ')],
    ['id', certificate.id],
    ['serial', certificate.serial],
    ['issuer', `${certificate.authority.name}, generation ${certificate.authority.generation}`],
    ['profile', certificate.profile],
    ['labels', labelText(certificate.labels)],
    ['valid', `${certificate.notBefore} to ${certificate.notAfter}`],
  ]);
