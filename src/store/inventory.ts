import {
  type CertificatePage,
  type CertificateSearch,
  certificateStatus,
  type StoredCertificate,
} from '../ca/index.ts';
import { type Asking, all } from './asking.ts';
import { type Engine, pickCandidates } from './candidates.ts';
import { readCertificate, selectCertificate } from './certificates.ts';

/** Candidates that one search looks at, where what they are found by is not all that is asked. */
const MOST_CANDIDATES = 1000;

/** Statements ask for one of so many at a time, so that there are few statements. */
const SIZES = [1, 16, 128, 1024] as const;

/** As many numbers as the next of the sizes, of those that are asked for; the last stands again. */
export function pad(ids: readonly number[]): readonly number[] {
  const last = ids.at(-1) ?? 0;
  const size = SIZES.find((one) => one >= ids.length) ?? ids.length;
  return [...ids, ...Array.from({ length: size - ids.length }, () => last)];
}

/** Certificates of intents, in order of these; those that have none are passed over. */
export function* certificatesOf(ids: readonly number[]): Asking<readonly StoredCertificate[]> {
  if (ids.length === 0) return [];
  const rows = yield* all(selectCertificate.where('c.intent_id', 'in', pad(ids)));
  const found = new Map(rows.map((row) => [row.intent_id, readCertificate(row)]));
  return ids.flatMap((id) => found.get(id) ?? []);
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

function hasLabel({ labels }: StoredCertificate, { name, value }: { name: string; value: string }): boolean {
  const all: Readonly<Record<string, string>> = labels === null ? {} : JSON.parse(labels);
  return Object.hasOwn(all, name) && all[name] === value;
}

type Rule = (search: CertificateSearch, certificate: StoredCertificate) => boolean;

/** What a certificate must say where it is asked for. */
const RULES: readonly Rule[] = [
  ({ fleetId }, c) => c.fleetId === fleetId,
  ({ deviceId }, c) => deviceId === null || c.deviceId === deviceId,
  ({ serial }, c) => serial === null || isSame(c.serial, serial),
  ({ keyDigest }, c) => keyDigest === null || isSame(c.keyDigest, keyDigest),
  ({ batchId }, c) => batchId === null || c.batchId === batchId,
  ({ tokenId }, c) => tokenId === null || c.tokenId === tokenId,
  ({ label }, c) => label === null || hasLabel(c, label),
  ({ expiringBefore }, c) => expiringBefore === null || c.notAfter < expiringBefore,
  ({ status, at }, c) => status === null || certificateStatus(c, at) === status,
];

/** Criteria beside the fleet. Most of a fleet is active: that is no criterion to search by. */
const criteriaOf = ({ fleetId: _, at: __, ...criteria }: CertificateSearch): number =>
  Object.values(criteria).filter((given) => given !== null && given !== 'active').length;

/** See `Ledger.searchCertificates`. */
export function* searchCertificates(
  engine: Engine,
  search: CertificateSearch,
  after: number,
  limit: number,
): Asking<CertificatePage> {
  const most = criteriaOf(search) > 1 ? Math.max(limit, MOST_CANDIDATES) : limit;
  const ids = yield* pickCandidates(engine, search, after, most);
  const candidates = yield* certificatesOf(ids);
  const certificates = candidates.filter((one) => RULES.every((rule) => rule(search, one)));
  const beyond = certificates[limit];
  if (beyond) {
    const page = certificates.slice(0, limit);
    return { certificates: page, next: page.at(-1)?.intentId ?? null };
  }
  return { certificates, next: ids.length < most ? null : (ids.at(-1) ?? null) };
}
