import { type Batch, type BatchStore, SeenNames, type StoredOutcome } from '../batch/index.ts';
import {
  type BundleFolder,
  type BundleLine,
  checkDevice,
  checkLine,
  type DeviceKey,
  type Finding,
  type Layout,
  refusalsOf,
} from '../bundle/index.ts';
import {
  certificateStatus,
  type Fleet,
  type Generation,
  type Ledger,
  type StoredCertificate,
} from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import { certificateFingerprint } from '../x509/index.ts';
import { listResults, type ResultsWish } from './batch-results.ts';
import { bundleOf, ELSEWHERE, folderFor, lineOf, sharedFolder } from './bundles.ts';
import { type FindingTally, tallyFindings, warningsFile } from './finding-tally.ts';
import { encodeEnvelopePem } from './recipient.ts';

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

/** A certificate of the lot that is live now, with the envelope of its key. */
interface LiveOutcome {
  readonly certificate: StoredCertificate;
  readonly envelope: Uint8Array | null;
}

/** The live certificates among the outcomes of a page, in order. */
async function findLive(
  { ledger, now }: BundleSource,
  page: readonly StoredOutcome[],
): Promise<readonly LiveOutcome[]> {
  const found = await Promise.all(
    page.map(async ({ certificate: der, envelope }) => {
      const certificate = der && (await ledger.findCertificate(certificateFingerprint(der)));
      return certificate ? [{ certificate, envelope }] : [];
    }),
  );
  return found.flat().filter(({ certificate }) => certificateStatus(certificate, now) === 'active');
}

/** One device of the lot: what is to be said of its bundle, and how to make it. */
interface JudgedBundle {
  readonly deviceId: string;
  readonly findings: readonly Finding[];
  make(): BundleFolder;
  makeShared(): readonly BundleFolder[];
}

const keyOf = ({ madeKey }: Layout, envelope: Uint8Array | null): DeviceKey =>
  madeKey === 'due' && envelope ? { kind: 'envelope', pem: encodeEnvelopePem(envelope) } : ELSEWHERE;

/** What holds for all that an issuer signed is found once. */
function linesOf({ fleet, generations, layout, now }: BundleSource) {
  const known = new Map<number, { readonly line: BundleLine; readonly findings: readonly Finding[] }>();
  return (issuerId: number) => {
    const line = lineOf(fleet, generations, issuerId, now);
    const judged = known.get(issuerId) ?? { line, findings: checkLine(layout, line) };
    known.set(issuerId, judged);
    return judged;
  };
}

/**
 * The bundle of each device of the lot that has a live certificate from it, in the order of the outcomes.
 * What was revoked, superseded or has expired since is left out. A device has one bundle; where the lot
 * gave it several live certificates (of several profiles), it is of the first.
 */
async function* judgeBundles(source: BundleSource): AsyncGenerator<JudgedBundle> {
  const { layout } = source;
  const devices = new SeenNames();
  const lines = linesOf(source);
  for await (const page of listResults(source.store, source.batch, EVERYTHING)) {
    for (const { certificate, envelope } of await findLive(source, page)) {
      if (!devices.add(certificate.deviceId)) continue;
      const { line, findings } = lines(certificate.issuerId);
      const bundle = bundleOf(line, layout, certificate, keyOf(layout, envelope));
      yield {
        deviceId: certificate.deviceId,
        findings: [...findings, ...checkDevice(layout, bundle)],
        make: () => folderFor(layout, bundle, certificate),
        makeShared: () => sharedFolder(layout, line, certificate.issuedAt),
      };
    }
  }
}

/** What there is to be said of the lot's bundles; none is made. */
export async function checkLot(source: BundleSource): Promise<FindingTally> {
  const tally = tallyFindings();
  for await (const { deviceId, findings } of judgeBundles(source)) tally.add(deviceId, findings);
  return tally;
}

/**
 * The folders of an archive: what stands beside the devices, the devices, and at the end what there is to
 * be said of them, if anything. A device whose bundle would not work is left out, and told of there.
 * Rejects with `bundle-unfit` before the first folder where that are all of them.
 */
export async function* bundleFolders(source: BundleSource): AsyncGenerator<BundleFolder> {
  const tally = tallyFindings();
  let made: BundleFolder | undefined;
  let why: readonly string[] = [];
  for await (const { deviceId, findings, make, makeShared } of judgeBundles(source)) {
    tally.add(deviceId, findings);
    const reasons = refusalsOf(findings);
    if (reasons.length > 0) {
      if (why.length === 0) why = reasons;
      continue;
    }
    if (!made) yield* makeShared();
    made = make();
    yield made;
  }
  if (!made && why.length > 0) throw new PkiError('bundle-unfit', why.join(' '));
  const said = warningsFile(tally);
  if (made && said) yield { name: '', files: [said], modified: made.modified };
}
