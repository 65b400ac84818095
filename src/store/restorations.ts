import type { Act, GivenList, Restoration, TakenEntries } from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import type { CrlReason, RevokedEntry } from '../x509/index.ts';
import { type AbandonedRow, abandonedWithSerials } from './abandoned-intents.ts';
import { type Asking, all, first } from './asking.ts';
import { type Field, rowsDigest } from './audit.ts';
import type { Planned } from './planned.ts';
import { fleetOfIssuer } from './revocation-lists.ts';
import { type RevocationTarget, unrevokedWithSerials } from './revocations.ts';
import { build } from './session.ts';

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

/** Entries that one command takes, at most. */
const MOST = 500;

const newest = build.selectFrom('restoration').selectAll().orderBy('id', 'desc').limit(1);

interface RestorationRow {
  readonly id: number;
  readonly copied_at: number;
  readonly restored_at: number;
  readonly last_entry: number;
  readonly settled_at: number | null;
}

const readRestoration = (row: RestorationRow): Restoration => ({
  copiedAt: new Date(row.copied_at),
  restoredAt: new Date(row.restored_at),
  lastEntry: row.last_entry,
  settledAt: row.settled_at === null ? null : new Date(row.settled_at),
});

export function* findRestoration(): Asking<Restoration | undefined> {
  const row = yield* first(newest);
  return row && readRestoration(row);
}

/** The last entry that was not written because the copy was opened. */
const beforeRun = build
  .selectFrom('audit')
  .select('seq')
  .where('action', '=', 'run-started')
  .orderBy('seq', 'desc')
  .limit(1);

/** What the entry of a restoration says; the verifier compares it with the row. */
export const restorationDetails = (row: Pick<RestorationRow, 'copied_at' | 'last_entry'>) => ({
  copiedAt: new Date(row.copied_at).toISOString(),
  lastEntry: row.last_entry,
});

/** See `RestorationLedger.recordRestoration`. */
export function* planRestoration(act: Act, copiedAt: Date): Asking<Planned<Restoration>> {
  const started = yield* first(beforeRun);
  const row = {
    copied_at: copiedAt.getTime(),
    restored_at: act.at.getTime(),
    last_entry: (started?.seq ?? 1) - 1,
    settled_at: null,
  };
  return {
    entry: { action: 'ledger-restored', fleet: null, details: restorationDetails(row) },
    *write(auditSeq) {
      const values = { ...row, audit_seq: auditSeq, settled_audit_seq: null };
      yield* all(build.insertInto('restoration').values(values).returning('id'));
      return readRestoration({ ...row, id: 0 });
    },
  };
}

/** See `RestorationLedger.settleRestoration`. */
export function* planSettlement(
  act: Act,
  reason: string,
  without: readonly string[],
): Asking<Planned<Restoration>> {
  const open = yield* first(newest.where('settled_at', 'is', null));
  if (!open) throw new PkiError('not-found', 'No copy that was put back waits to be settled.');
  return {
    entry: { action: 'restoration-settled', fleet: null, details: { restoration: open.id, reason, without } },
    *write(auditSeq) {
      const settled = { settled_at: act.at.getTime(), settled_audit_seq: auditSeq };
      // Where a copy was put back of a copy that was put back, this settles both.
      yield* all(
        build.updateTable('restoration').set(settled).where('settled_at', 'is', null).returning('id'),
      );
      return readRestoration({ ...open, ...settled });
    },
  };
}

export function* listTakenLists(issuerId: number, since: Date): Asking<readonly GivenList[]> {
  const rows = yield* all(
    build
      .selectFrom('list_taken as l')
      .innerJoin('audit as a', 'a.seq', 'l.audit_seq')
      .select(['l.number', 'l.this_update', 'l.digest'])
      .where('l.issuer_id', '=', issuerId)
      .where('a.at', '>=', since.toISOString())
      .orderBy('l.audit_seq'),
  );
  return rows.map((row) => ({
    issuerId,
    number: row.number,
    thisUpdate: new Date(row.this_update),
    digest: row.digest,
  }));
}

const takenRow = (list: GivenList) =>
  build
    .selectFrom('list_taken')
    .select('audit_seq')
    .where('issuer_id', '=', list.issuerId)
    .where('digest', '=', list.digest);

export const takenDetails = (row: {
  readonly issuer_id: number;
  readonly number: number | null;
  readonly this_update: number;
  readonly digest: Uint8Array;
}) => ({
  issuer: row.issuer_id,
  number: row.number,
  thisUpdate: new Date(row.this_update).toISOString(),
  crl: hex(row.digest),
});

/** The name of an issuer's fleet. */
function* fleetNameOf(issuerId: number): Asking<string> {
  const id = yield* fleetOfIssuer(issuerId);
  const row = yield* first(build.selectFrom('fleet').select('name').where('id', '=', id));
  return row?.name ?? '';
}

/** See `RestorationLedger.recordListTaken`; null where it was taken before. */
export function* planListTaken(list: GivenList): Asking<Planned<void> | null> {
  if (yield* first(takenRow(list))) return null;
  const row = {
    issuer_id: list.issuerId,
    digest: list.digest,
    number: list.number,
    this_update: list.thisUpdate.getTime(),
  };
  return {
    entry: {
      action: 'crl-taken',
      fleet: yield* fleetNameOf(list.issuerId),
      details: takenDetails(row),
    },
    *write(auditSeq) {
      const values = { ...row, audit_seq: auditSeq };
      yield* all(build.insertInto('list_taken').values(values).returning('issuer_id'));
    },
  };
}

/** Entries of a CRL by what is on record of them. */
export interface SortedEntries {
  readonly fleetId: number;
  readonly certificates: readonly RevocationTarget[];
  readonly abandoned: readonly AbandonedRow[];
  readonly unknown: readonly RevokedEntry[];
  readonly before: number;
  readonly reasons: ReadonlyMap<string, CrlReason>;
}

/** A statement has one text however many are asked for: the last stands for those that are missing. */
const pad = (serials: readonly Uint8Array[]): Uint8Array[] =>
  Array.from({ length: MOST }, (_, i) => serials[i] ?? (serials.at(-1) as Uint8Array));

function* revokedAmong(issuerId: number, serials: Uint8Array[]): Asking<ReadonlySet<string>> {
  const own = yield* all(
    build
      .selectFrom('revocation')
      .select('serial')
      .where('issuer_id', '=', issuerId)
      .where('serial', 'in', serials),
  );
  const others = yield* all(
    build
      .selectFrom('revocation_elsewhere')
      .select('serial')
      .where('issuer_id', '=', issuerId)
      .where('serial', 'in', serials),
  );
  return new Set([...own, ...others].map(({ serial }) => hex(serial)));
}

/** What is on record of entries. The newest of two entries of one serial says nothing more than the first. */
export function* sortEntries(issuerId: number, entries: readonly RevokedEntry[]): Asking<SortedEntries> {
  if (entries.length > MOST) throw new Error(`${entries.length} entries in one command`);
  const fleetId = yield* fleetOfIssuer(issuerId);
  const bySerial = new Map(entries.map((entry) => [hex(entry.serial), entry]));
  const reasons = new Map([...bySerial].map(([serial, { reason }]) => [serial, reason]));
  if (entries.length === 0)
    return { fleetId, certificates: [], abandoned: [], unknown: [], before: 0, reasons };
  const serials = pad([...bySerial.values()].map(({ serial }) => serial));
  const revoked = yield* revokedAmong(issuerId, serials);
  const certificates = yield* unrevokedWithSerials(issuerId, serials);
  const abandoned = (yield* abandonedWithSerials(issuerId, serials)).filter(
    ({ serial }) => !revoked.has(hex(serial)),
  );
  const known = new Set([...revoked, ...[...certificates, ...abandoned].map(({ serial }) => hex(serial))]);
  const unknown = [...bySerial].filter(([serial]) => !known.has(serial)).map(([, entry]) => entry);
  return { fleetId, certificates, abandoned, unknown, before: revoked.size, reasons };
}

/** What the entry's digest covers of each serial. */
export const elsewhereFields = (row: {
  readonly serial: Uint8Array;
  readonly revoked_at: number;
  readonly reason: string;
}): readonly Field[] => [row.serial, row.revoked_at, row.reason];

/** Lists serials of which nothing else is on record. */
export function* planElsewhere(list: GivenList, entries: readonly RevokedEntry[]): Asking<Planned<void>> {
  const rows = entries
    .map(({ serial, revokedAt, reason }) => ({ serial, revoked_at: revokedAt.getTime(), reason }))
    .toSorted((a, b) => Buffer.compare(a.serial, b.serial));
  return {
    entry: {
      action: 'serials-revoked-elsewhere',
      fleet: yield* fleetNameOf(list.issuerId),
      details: {
        issuer: list.issuerId,
        crl: hex(list.digest),
        revoked: rows.length,
        rowsDigest: rowsDigest(rows.map(elsewhereFields)),
      },
    },
    *write(auditSeq) {
      for (const row of rows) {
        const values = { ...row, issuer_id: list.issuerId, audit_seq: auditSeq };
        yield* all(build.insertInto('revocation_elsewhere').values(values).returning('issuer_id'));
      }
    },
  };
}

/** Certificates that one entry revokes have one reason. */
export function byReason({
  certificates,
  reasons,
}: SortedEntries): readonly (readonly [CrlReason, readonly RevocationTarget[]])[] {
  const groups = new Map<CrlReason, RevocationTarget[]>();
  for (const target of certificates) {
    const reason = reasons.get(hex(target.serial)) ?? 'unspecified';
    groups.set(reason, [...(groups.get(reason) ?? []), target]);
  }
  return [...groups];
}

export const reasonOf = ({ reasons }: SortedEntries, { serial }: AbandonedRow): CrlReason =>
  reasons.get(hex(serial)) ?? 'unspecified';

export const takenCounts = ({ certificates, abandoned, unknown, before }: SortedEntries): TakenEntries => ({
  revoked: certificates.length + abandoned.length,
  before,
  unknown: unknown.length,
});
