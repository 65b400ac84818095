import type { RevocationReason } from '../x509/index.ts';
import type { CaContext } from './context.ts';
import type { Act, CertificateSearch, Fleet } from './ledger-records.ts';
import type { RevocationOrder } from './revocation-ports.ts';

/** What came of revoking many. */
export interface RevocationCount {
  /** By this call. */
  readonly revoked: number;
  /** They keep their first mark. */
  readonly before: number;
}

/** Certificates that one transaction marks: lots that come in meanwhile wait for no more than that. */
const PAGE = 500;

/** A search that leaves nothing out. */
export const ANY_CERTIFICATE: Omit<CertificateSearch, 'fleetId' | 'at'> = {
  deviceId: null,
  serial: null,
  keyDigest: null,
  batchId: null,
  tokenId: null,
  label: null,
  status: null,
  expiringBefore: null,
};

/**
 * Revokes all certificates of a device, or of a batch, those that have ended, too: what is revoked is not renewed.
 * When it resolves, all are marked on disk; where it rejects, those of the pages before are, and the same again
 * goes on. A certificate that is issued meanwhile may be missed: the same again finds it.
 */
export async function revokeAll(
  ca: CaContext,
  act: Act,
  fleet: Fleet,
  of: Exclude<RevocationOrder['of'], { readonly import: unknown }>,
  reason: RevocationReason,
): Promise<RevocationCount> {
  const by = 'device' in of ? { deviceId: of.device } : { batchId: of.batch };
  const search: CertificateSearch = { ...ANY_CERTIFICATE, ...by, fleetId: fleet.id, at: act.at };
  const count = { revoked: 0, before: 0 };
  for (let after: number | null = 0; after !== null; ) {
    const page: Awaited<ReturnType<typeof ca.ledger.searchCertificates>> = await ca.ledger.searchCertificates(
      search,
      after,
      PAGE,
    );
    const fingerprints = page.certificates.map(({ fingerprint }) => fingerprint);
    const revoked =
      fingerprints.length === 0
        ? 0
        : await ca.revocations.revokeCertificates(act, { fleetId: fleet.id, of, fingerprints, reason });
    count.revoked += revoked;
    count.before += fingerprints.length - revoked;
    after = page.next;
  }
  return count;
}
