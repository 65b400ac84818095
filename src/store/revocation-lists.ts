import {
  type Act,
  type CeremonyOrigin,
  type ListFacts,
  type ListIntent,
  type ListState,
  lastListEnd,
  type RevocationList,
  type RevocationQuery,
} from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import type { CrlReason, RevokedEntry } from '../x509/index.ts';
import { type Asking, all, answer, first } from './asking.ts';
import { appendAudit } from './audit.ts';
import { fleetName } from './fleets.ts';
import { findGeneration } from './generations.ts';
import { sha256 } from './revocations.ts';
import { build, type Session } from './session.ts';
import { verifyClock } from './verify-clock.ts';

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

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

const keyMarks = (issuerId: number) =>
  build
    .selectFrom('generation')
    .select(['given_up_audit_seq', 'destroyed_audit_seq'])
    .where('id', '=', issuerId);

const isAfter = (seq: number | undefined, mark: number | null | undefined): boolean =>
  seq !== undefined && mark != null && seq > mark;

/** See `RevocationLedger.findLastEnd`; by the index of expiries. */
export function* findLastEnd(issuerId: number): Asking<Date | null> {
  const last = yield* first(
    build
      .selectFrom('intent')
      .select('not_after')
      .where('issuer_id', '=', issuerId)
      .where('device', 'is not', null)
      .orderBy('not_after', 'desc')
      .limit(1),
  );
  return last ? new Date(last.not_after) : null;
}

export function* findListState(issuerId: number): Asking<ListState> {
  const last = yield* first(newestFirst(issuerId).select('number'));
  const published = yield* first(
    newestFirst(issuerId)
      .select([...FACTS, 'audit_seq'])
      .where('digest', 'is not', null),
  );
  const issuer = yield* first(keyMarks(issuerId));
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
    isSealed: isAfter(published?.audit_seq, issuer?.given_up_audit_seq),
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

/** Rejects where the issuer signs no CRL any more, or none but its last one, and the intent is another. */
function* verifyMayFollow({ isSealed }: ListState, { issuerId, nextUpdate }: ListIntent): Asking<void> {
  const issuer = yield* findGeneration(issuerId);
  if (!issuer || issuer.key === 'kept') return;
  if (issuer.key === 'destroyed') {
    throw new PkiError(
      'crl-not-possible',
      `The key of ${issuer.authority}, generation ${issuer.number}, is destroyed: its last CRL is the last.`,
    );
  }
  const end = lastListEnd(issuer, yield* findLastEnd(issuerId));
  if (!isSealed && nextUpdate >= end) return;
  throw new PkiError('busy', 'The key of this authority is being destroyed: it signs its last CRL alone.');
}

/** Rejects where the intent does not follow what is there. */
export function* verifyFollows(intent: ListIntent): Asking<void> {
  const state = yield* findListState(intent.issuerId);
  yield* verifyMayFollow(state, intent);
  verifyNumber(state, intent);
}

function verifyNumber({ lastNumber, published }: ListState, intent: ListIntent): void {
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
  answer(session, verifyFollows(intent));
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

/** The one that is published must have a lower number, and not be the last. */
export function verifyNewer({ published, isSealed }: ListState, number: number): void {
  if (isSealed)
    throw new PkiError('busy', 'This authority has its last CRL: another call made it meanwhile.');
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
