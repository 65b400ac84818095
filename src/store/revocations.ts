import { createHash } from 'node:crypto';
import type { Act, RevocationOrder, RevokeOld, StoredCertificate } from '../ca/index.ts';
import type { CrlReason } from '../x509/index.ts';
import { type Asking, all, answer } from './asking.ts';
import { appendAudit, type Field, rowsDigest } from './audit.ts';
import { fleetName } from './fleets.ts';
import { noCertificate } from './refusals.ts';
import { build, type Session } from './session.ts';

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');
export const sha256 = (octets: Uint8Array): Uint8Array => createHash('sha256').update(octets).digest();

/** Certificates that one command revokes, at most. */
const MOST = 500;

/** What revoking a certificate needs to know of it. */
export interface RevocationTarget {
  readonly intent_id: number;
  readonly fingerprint: Uint8Array;
  readonly revoked_at: number | null;
  readonly issuer_id: number;
  readonly serial: Uint8Array;
  readonly not_after: number;
  readonly fleet_id: number;
}

/** A statement has one text however many are asked for: the last stands for those that are missing. */
const pad = (fingerprints: readonly Uint8Array[]): Uint8Array[] =>
  Array.from({ length: MOST }, (_, i) => fingerprints[i] ?? (fingerprints.at(-1) as Uint8Array));

export const byIssuerAndSerial = (one: RevocationTarget, other: RevocationTarget): number =>
  one.issuer_id - other.issuer_id || Buffer.compare(one.serial, other.serial);

/** Those of an order that are not revoked yet. Rejects as the port says. */
export function* findTargets({
  fleetId,
  fingerprints,
}: RevocationOrder): Asking<readonly RevocationTarget[]> {
  if (fingerprints.length === 0) return [];
  if (fingerprints.length > MOST) throw new Error(`${fingerprints.length} certificates in one command`);
  const rows = yield* all(
    build
      .selectFrom('certificate as c')
      .innerJoin('intent as i', 'i.id', 'c.intent_id')
      .innerJoin('device as d', 'd.id', 'i.device')
      .select(['c.intent_id', 'c.fingerprint', 'c.revoked_at', 'i.issuer_id', 'i.serial', 'i.not_after'])
      .select('d.fleet_id')
      .where('c.fingerprint', 'in', pad(fingerprints)),
  );
  const due = new Set(fingerprints.map(hex)).size;
  if (rows.length !== due || rows.some((row) => row.fleet_id !== fleetId)) throw noCertificate();
  return rows.filter(({ revoked_at }) => revoked_at === null);
}

/** What revoking a certificate needs to know, of those that are not revoked. */
const unrevoked = build
  .selectFrom('intent as i')
  .innerJoin('certificate as c', 'c.intent_id', 'i.id')
  .innerJoin('device as d', 'd.id', 'i.device')
  .select(['c.intent_id', 'c.fingerprint', 'c.revoked_at', 'i.issuer_id', 'i.serial', 'i.not_after'])
  .select('d.fleet_id')
  .where('c.revoked_at', 'is', null);

/** All certificates of a device that are not revoked. */
export const findLive = (device: number): Asking<readonly RevocationTarget[]> =>
  all(unrevoked.where('i.device', '=', device));

/** Those of an issuer that carry one of some serials. */
export const unrevokedWithSerials = (
  issuerId: number,
  serials: Uint8Array[],
): Asking<readonly RevocationTarget[]> =>
  all(unrevoked.where('i.issuer_id', '=', issuerId).where('i.serial', 'in', serials));

/** Those of other keys that a certificate took the place of: of the same device and profile, and from before it. */
export const findReplaced = (intentId: number): Asking<readonly RevocationTarget[]> =>
  all(
    unrevoked
      .innerJoin('profile_version as w', 'w.id', 'i.profile_id')
      .innerJoin('intent as n', 'n.device', 'i.device')
      .innerJoin('profile_version as v', (join) =>
        join.onRef('v.id', '=', 'n.profile_id').onRef('v.name', '=', 'w.name'),
      )
      .where('n.id', '=', intentId)
      .whereRef('i.id', '<', 'n.id')
      .whereRef('i.key_digest', '<>', 'n.key_digest'),
  );

/** Certificates that are revoked together: of which fleet, why these, and for what reason. */
export interface OrderHead {
  readonly fleetId: number;
  readonly of:
    | RevocationOrder['of']
    | { readonly replaced: RevokeOld }
    /** SHA-256 of a CRL that was taken in, hex. */
    | { readonly crl: string };
  readonly reason: CrlReason;
}

/** An order for what others took the place of. */
export const replacedBy = (fleetId: number, when: RevokeOld): OrderHead => ({
  fleetId,
  of: { replaced: when },
  reason: 'superseded',
});

/** What the entry's digest covers of each certificate. */
export const revokedFields = ({
  issuer_id,
  serial,
  fingerprint,
}: Pick<RevocationTarget, 'issuer_id' | 'serial' | 'fingerprint'>): readonly Field[] => [
  issuer_id,
  serial,
  fingerprint,
];

export const orderDetails = ({ of, reason }: OrderHead, targets: readonly RevocationTarget[]) => ({
  ...of,
  reason,
  revoked: targets.length,
  rowsDigest: rowsDigest(targets.map(revokedFields)),
});

/** The row that a CRL is made of. */
export const insertRevocation = (
  target: Pick<RevocationTarget, 'intent_id' | 'issuer_id' | 'serial' | 'not_after'>,
  at: Date,
  reason: string,
  auditSeq: number,
) =>
  build.insertInto('revocation').values({
    issuer_id: target.issuer_id,
    serial: target.serial,
    intent_id: target.intent_id,
    not_after: target.not_after,
    revoked_at: at.getTime(),
    reason,
    audit_seq: auditSeq,
  });

export const targetOf = ({ intentId, issuerId, serial, notAfter }: StoredCertificate) => ({
  intent_id: intentId,
  issuer_id: issuerId,
  serial,
  not_after: notAfter.getTime(),
});

/** Marks certificates that are not revoked, in any order, with one entry; without any, there is none. */
export function revokeTargets(
  session: Session,
  act: Act,
  order: OrderHead,
  found: readonly RevocationTarget[],
): number {
  if (found.length === 0) return 0;
  const targets = found.toSorted(byIssuerAndSerial);
  const auditSeq = appendAudit(session, act, {
    action: 'certificates-revoked',
    fleet: fleetName(session, order.fleetId),
    details: orderDetails(order, targets),
  });
  const mark = {
    revoked_at: act.at.getTime(),
    revocation_reason: order.reason,
    revoked_audit_seq: auditSeq,
  };
  for (const target of targets) {
    session.run(build.updateTable('certificate').set(mark).where('intent_id', '=', target.intent_id));
    session.run(insertRevocation(target, act.at, order.reason, auditSeq));
  }
  return targets.length;
}

export const revokeCertificates = (session: Session, act: Act, order: RevocationOrder): number =>
  revokeTargets(session, act, order, answer(session, findTargets(order)));
