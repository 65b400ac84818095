import { type Batch, type BatchStore, SeenNames, type StoredOutcome } from '../batch/index.ts';
import { type BundleFolder, deviceFolder, type Layout, layOut } from '../bundle/index.ts';
import {
  certificateStatus,
  type Fleet,
  type Generation,
  type Ledger,
  type StoredCertificate,
} from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import { certificateFingerprint, encodeCertificatePem } from '../x509/index.ts';
import { listResults, type ResultsWish } from './batch-results.ts';
import { intermediatesPem } from './certificate-json.ts';

/** A zip's directory stays in memory until its end, so a zip is for lots of this size; a tar is for any. */
export const MOST_ZIP_DEVICES = 10_000;

const EVERYTHING: ResultsWish = { after: 0, limit: Number.MAX_SAFE_INTEGER };

const hasCertificate = ({ deviceId, certificate }: StoredOutcome): boolean =>
  deviceId !== null && certificate !== null;

/** Refuses `bad-request` where the lot has certificates of more devices than a zip may have. */
export async function verifyFitsZip(store: BatchStore, batch: Batch): Promise<void> {
  const devices = new SeenNames();
  for await (const page of listResults(store, batch, EVERYTHING)) {
    for (const outcome of page) if (hasCertificate(outcome)) devices.add(outcome.deviceId ?? '');
    if (devices.count > MOST_ZIP_DEVICES) {
      throw new PkiError(
        'bad-request',
        `The lot has more than ${MOST_ZIP_DEVICES} devices: take /v1/batches/${batch.id}/bundles.tar, which has any number.`,
      );
    }
  }
}

export interface BundleSource {
  readonly store: BatchStore;
  readonly ledger: Ledger;
  readonly batch: Batch;
  readonly fleet: Fleet;
  readonly generations: readonly Generation[];
  readonly layout: Layout;
  /** Whether a certificate is live is judged by it. */
  readonly now: Date;
}

function folderOf(
  { fleet, generations, layout }: BundleSource,
  certificate: StoredCertificate,
): BundleFolder {
  const files = layOut(layout, {
    deviceId: certificate.deviceId,
    certificate: encodeCertificatePem(certificate.der),
    intermediates: intermediatesPem(generations, certificate.issuerId),
    privateKey: null,
    gatewayRoot: fleet.gatewayRoot,
    gatewayUrl: fleet.gatewayUrl,
  });
  return { name: deviceFolder(certificate.deviceId), files, modified: certificate.issuedAt };
}

/** The live certificates among the outcomes of a page, in order. */
async function findLive(
  { ledger, now }: BundleSource,
  page: readonly StoredOutcome[],
): Promise<readonly StoredCertificate[]> {
  const ders = page.flatMap(({ certificate }) => (certificate === null ? [] : [certificate]));
  const found = await Promise.all(ders.map((der) => ledger.findCertificate(certificateFingerprint(der))));
  return found.filter(
    (one): one is StoredCertificate => one !== undefined && certificateStatus(one, now) === 'active',
  );
}

/**
 * A folder for each device of the lot that has a live certificate from it, in the order of the outcomes.
 * What was revoked, superseded or has expired since is left out. A device has one folder; where the lot
 * gave it several live certificates (of several profiles), it holds the first.
 */
export async function* bundleFolders(source: BundleSource): AsyncGenerator<BundleFolder> {
  const devices = new SeenNames();
  for await (const page of listResults(source.store, source.batch, EVERYTHING)) {
    for (const certificate of await findLive(source, page)) {
      if (devices.add(certificate.deviceId)) yield folderOf(source, certificate);
    }
  }
}
