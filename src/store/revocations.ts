import { createHash } from 'node:crypto';
import type {
  Act,
  CeremonyOrigin,
  ListFacts,
  ListIntent,
  ListState,
  RevocationList,
  RevocationOrder,
  RevocationQuery,
  RevokeOld,
  StoredCertificate,
} from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import type { CrlReason, RevokedEntry } from '../x509/index.ts';
import { type Asking, all, answer, first } from './asking.ts';
import { appendAudit, type Field, rowsDigest } from './audit.ts';
import { fleetName } from './fleets.ts';
import { noCertificate } from './refusals.ts';
import { build, type Session } from './session.ts';
import { verifyClock } from './verify-clock.ts';

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

const newestFirst = (issuerId: number) =>
  build.selectFrom('revocation_list').where('issuer_id', '=', issuerId).orderBy('number', 'desc').limit(1);

const FACTS = ['issuer_id', 'number', 'this_update', 'next_update', 'covers', 'entries'] as const;

interface FactsRow {
  readonly issuer_id: number;
  readonly number: number;
  readonly this_update: number;
  readonly next_update: number;
  readonly covers: number;
  readonly entries: number;
}

const readFacts = (row: FactsRow): ListFacts => ({
  issuerId: row.issuer_id,
  number: row.number,
  thisUpdate: new Date(row.this_update),
  nextUpdate: new Date(row.next_update),
  covers: row.covers,
  entries: row.entries,
});

const lastEntryOf = (table: 'revocation' | 'revocation_elsewhere', issuerId: number) =>
  build
    .selectFrom(table)
    .select('audit_seq')
    .where('issuer_id', '=', issuerId)
    .orderBy('audit_seq', 'desc')
    .limit(1);

export function* findListState(issuerId: number): Asking<ListState> {
  const last = yield* first(newestFirst(issuerId).select('number'));
  const published = yield* first(newestFirst(issuerId).select(FACTS).where('digest', 'is not', null));
  const own = yield* first(lastEntryOf('revocation', issuerId));
  const elsewhere = yield* first(lastEntryOf('revocation_elsewhere', issuerId));
  const taken = yield* first(
    build
      .selectFrom('list_taken')
      .select((is) => is.fn.max('number').as('number'))
      .where('issuer_id', '=', issuerId),
  );
  return {
    lastNumber: Math.max(last?.number ?? 0, taken?.number ?? 0),
    published: published ? readFacts(published) : null,
    lastRevocation: Math.max(own?.audit_seq ?? 0, elsewhere?.audit_seq ?? 0),
  };
}

export function* findList(issuerId: number): Asking<RevocationList | undefined> {
  const row = yield* first(
    newestFirst(issuerId)
      .select([...FACTS, 'der'])
      .where('digest', 'is not', null),
  );
  return row?.der ? { ...readFacts(row), der: row.der } : undefined;
}

export function* listRevocations(
  { issuerId, through, before }: RevocationQuery,
  after: Uint8Array,
  limit: number,
): Asking<readonly RevokedEntry[]> {
  const ended = before?.thisUpdate.getTime() ?? 0;
  const listed = before?.covers ?? 0;
  const rows = yield* all(
    build
      .selectFrom('revocation')
      .select(['serial', 'revoked_at', 'reason'])
      .where('issuer_id', '=', issuerId)
      .where('serial', '>', after)
      .where('audit_seq', '<=', through)
      .where((is) => is.or([is('not_after', '>=', ended), is('audit_seq', '>', listed)]))
      .orderBy('serial')
      .limit(limit),
  );
  const others = yield* all(
    build
      .selectFrom('revocation_elsewhere')
      .select(['serial', 'revoked_at', 'reason'])
      .where('issuer_id', '=', issuerId)
      .where('serial', '>', after)
      .where('audit_seq', '<=', through)
      .orderBy('serial')
      .limit(limit),
  );
  const together =
    others.length === 0 ? rows : [...rows, ...others].toSorted((a, b) => Buffer.compare(a.serial, b.serial));
  return together.slice(0, limit).map(({ serial, revoked_at, reason }) => ({
    serial,
    revokedAt: new Date(revoked_at),
    reason: reason as CrlReason,
  }));
}

/** Rejects where the intent does not follow what is there. */
export function verifyFollows({ lastNumber, published }: ListState, intent: ListIntent): void {
  if (lastNumber !== intent.after || intent.number <= lastNumber) {
    throw new PkiError('busy', 'Another CRL of this authority was begun meanwhile.', {
      facts: { lastNumber, after: intent.after, number: intent.number },
    });
  }
  if (published === null || intent.thisUpdate >= published.thisUpdate) return;
  throw new PkiError(
    'clock-behind',
    `The clock stands before the last CRL of this authority (${published.thisUpdate.toISOString()}). None is made until it is right.`,
  );
}

export const listRow = (intent: ListIntent, runId: string, auditSeq: number) => ({
  issuer_id: intent.issuerId,
  number: intent.number,
  this_update: intent.thisUpdate.getTime(),
  next_update: intent.nextUpdate.getTime(),
  covers: intent.covers,
  entries: intent.entries,
  tbs_digest: intent.tbsDigest,
  run_id: runId,
  digest: null,
  der: null,
  audit_seq: auditSeq,
  issued_audit_seq: null,
});

/** What the entry of an intent says; the verifier compares it with the row. */
export const listDetails = (
  row: FactsRow & { readonly tbs_digest: Uint8Array; readonly run_id: string },
) => ({
  issuer: row.issuer_id,
  number: row.number,
  thisUpdate: new Date(row.this_update).toISOString(),
  nextUpdate: new Date(row.next_update).toISOString(),
  covers: row.covers,
  entries: row.entries,
  tbsDigest: hex(row.tbs_digest),
  run: row.run_id,
});

export const listIssuedDetails = (
  issuerId: number,
  number: number,
  digest: Uint8Array,
  ceremony: CeremonyOrigin | null,
) => ({
  issuer: issuerId,
  number,
  crl: hex(digest),
  ...(ceremony === null ? {} : { ceremony: { ...ceremony } }),
});

/** The fleet of an issuer; fails where there is none. */
export function* fleetOfIssuer(issuerId: number): Asking<number> {
  const row = yield* first(build.selectFrom('generation').select('fleet_id').where('id', '=', issuerId));
  if (!row) throw new Error(`there is no generation ${issuerId}`);
  return row.fleet_id;
}

export function recordListIntent(session: Session, act: Act, runId: string, intent: ListIntent): void {
  verifyClock(session, act.at);
  verifyFollows(answer(session, findListState(intent.issuerId)), intent);
  const auditSeq = appendAudit(session, act, {
    action: 'crl-intent-recorded',
    fleet: fleetName(session, answer(session, fleetOfIssuer(intent.issuerId))),
    details: listDetails(listRow(intent, runId, 0)),
  });
  session.run(build.insertInto('revocation_list').values(listRow(intent, runId, auditSeq)));
}

/** Completes an open intent of a run. */
export const completeList = (
  runId: string,
  issuerId: number,
  number: number,
  der: Uint8Array,
  auditSeq: number,
) =>
  build
    .updateTable('revocation_list')
    .set({ der, digest: sha256(der), issued_audit_seq: auditSeq })
    .where('issuer_id', '=', issuerId)
    .where('number', '=', number)
    .where('run_id', '=', runId)
    .where('digest', 'is', null);

/** Drops the octets of the one before. */
export const dropOctets = (issuerId: number, number: number) =>
  build
    .updateTable('revocation_list')
    .set({ der: null })
    .where('issuer_id', '=', issuerId)
    .where('number', '=', number);

/** The one that is published must have a lower number. */
export function verifyNewer({ published }: ListState, number: number): void {
  if (published && published.number >= number)
    throw new Error(`CRL ${number} would replace CRL ${published.number}`);
}

export function recordListIssued(
  session: Session,
  act: Act,
  runId: string,
  issuerId: number,
  number: number,
  der: Uint8Array,
  ceremony: CeremonyOrigin | null = null,
): void {
  const state = answer(session, findListState(issuerId));
  verifyNewer(state, number);
  const auditSeq = appendAudit(session, act, {
    action: 'crl-issued',
    fleet: fleetName(session, answer(session, fleetOfIssuer(issuerId))),
    details: listIssuedDetails(issuerId, number, sha256(der), ceremony),
  });
  const { changes } = session.run(completeList(runId, issuerId, number, der, auditSeq));
  if (changes !== 1) throw new Error(`CRL ${number} of issuer ${issuerId} has no open intent of this run`);
  if (state.published) session.run(dropOctets(issuerId, state.published.number));
}

export function recordListImported(
  session: Session,
  act: Act,
  runId: string,
  intent: ListIntent,
  der: Uint8Array,
  ceremony: CeremonyOrigin | null,
): void {
  recordListIntent(session, act, runId, intent);
  recordListIssued(session, act, runId, intent.issuerId, intent.number, der, ceremony);
}
