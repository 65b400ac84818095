import type { ForeignChunk, ForeignVerdict } from '../ca/index.ts';
import { type Asking, all, first } from './asking.ts';
import { type AuditContent, type Field, rowsDigest } from './audit.ts';
import { type ForeignRecord, readForeignRecord } from './foreign-record.ts';
import { type JudgedForeign, judgeForeignRows, type Taken } from './foreign-verdicts.ts';
import { intentFields } from './intents.ts';
import { build } from './session.ts';

/**
 * Rows go in by so many in one statement: statements are kept by their texts, and these are as many as a chunk of any
 * length needs.
 */
const SLICES = [128, 16, 1] as const;

function* slicesOf<T>(rows: readonly T[]): Generator<T[]> {
  let from = 0;
  for (const size of SLICES)
    for (; rows.length - from >= size; from += size) yield rows.slice(from, from + size);
}

/** What of a certificate's row the digest of its entry covers. */
export const importedFields = (row: {
  readonly intent: Parameters<typeof intentFields>[0];
  readonly fingerprint: Uint8Array;
  /** As it came. */
  readonly revocation: { readonly at: number; readonly reason: string } | null;
}): readonly Field[] => [
  ...intentFields(row.intent),
  row.fingerprint,
  ...(row.revocation === null ? [] : [row.revocation.at, row.revocation.reason]),
];

const fieldsOf = ({ row }: Taken): readonly Field[] =>
  importedFields({
    intent: {
      ...row,
      notBefore: row.notBefore.getTime(),
      notAfter: row.notAfter.getTime(),
      labels: null,
      supersede: null,
      made: null,
      revokeOld: null,
      renews: null,
    },
    fingerprint: row.fingerprint,
    revocation: row.revocation && { at: row.revocation.at.getTime(), reason: row.revocation.reason },
  });

/** What is to be done with a chunk. */
export interface PlannedImport extends JudgedForeign {
  readonly record: ForeignRecord;
}

export function* planImport(chunk: ForeignChunk): Asking<PlannedImport> {
  if (chunk.rows.length === 0) throw new Error('there is nothing to import');
  const record = yield* readForeignRecord(chunk);
  return { record, ...judgeForeignRows(chunk, record) };
}

/** See `ImportLedger.judgeForeign`. */
export function* judgeForeign(chunk: ForeignChunk): Asking<readonly ForeignVerdict[]> {
  return chunk.rows.length === 0 ? [] : (yield* planImport(chunk)).verdicts;
}

export const importEntry = (
  { runId }: ForeignChunk,
  { taken }: PlannedImport,
  fleet: string,
): AuditContent => ({
  action: 'certificates-imported',
  fleet,
  details: {
    run: runId,
    batch: null,
    imported: taken.length,
    revoked: taken.filter(({ row }) => row.revocation !== null).length,
    rowsDigest: rowsDigest(taken.map(fieldsOf)),
  },
});

function* profileVersion(name: string, digest: Uint8Array): Asking<number> {
  const find = build
    .selectFrom('profile_version')
    .select('id')
    .where('name', '=', name)
    .where('digest', '=', digest);
  const known = yield* first(find);
  if (known) return known.id;
  const made = yield* first(build.insertInto('profile_version').values({ name, digest }).returning('id'));
  return made?.id ?? 0;
}

/** Makes the devices that are not on record. Gives the number of each, by its folded ID. */
function* makeDevices(
  { act, fleetId }: ForeignChunk,
  { taken, record }: PlannedImport,
): Asking<ReadonlyMap<string, number>> {
  const ids = new Map<string, number>();
  const missing = new Map<string, string>();
  for (const { row } of taken) {
    const id = record.devices.get(row.foldedId)?.id;
    if (id === undefined) missing.set(row.foldedId, row.deviceId);
    else ids.set(row.foldedId, id);
  }
  for (const slice of slicesOf([...missing])) {
    const values = slice.map(([folded_id, device_id]) => ({
      fleet_id: fleetId,
      device_id,
      folded_id,
      created_at: act.at.getTime(),
    }));
    const made = yield* all(build.insertInto('device').values(values).returning(['id', 'folded_id']));
    for (const { id, folded_id } of made) ids.set(folded_id, id);
  }
  return ids;
}

/** Where the rows of a chunk stand, which is on record already. */
export interface ImportPlace {
  readonly auditSeq: number;
  readonly chunkId: number;
  readonly firstIntent: number;
}

/** Writes what is taken in; `place` is of the chunk whose rows they are. */
export function* writeImport(
  chunk: ForeignChunk,
  planned: PlannedImport,
  { auditSeq, chunkId, firstIntent }: ImportPlace,
): Asking<void> {
  const { fleetId } = chunk;
  const at = chunk.act.at.getTime();
  const devices = yield* makeDevices(chunk, planned);
  const profiles = new Map<string, number>();
  for (const { row } of planned.taken)
    if (!profiles.has(row.profile))
      profiles.set(row.profile, yield* profileVersion(row.profile, row.profileDigest));
  const rows = planned.taken.map((taken, i) => ({
    ...taken,
    id: firstIntent + i,
    device: devices.get(taken.row.foldedId) ?? 0,
  }));
  for (const slice of slicesOf(rows)) {
    yield* all(
      build
        .insertInto('device_key')
        .values(slice.map(({ row, device }) => ({ fleet_id: fleetId, key_digest: row.keyDigest, device })))
        .onConflict((conflict) => conflict.doNothing())
        .returning('device'),
    );
    const intents = slice.map(({ row, id, device }) => ({
      id,
      chunk_id: chunkId,
      issuer_id: row.issuerId,
      serial: row.serial,
      device,
      profile_id: profiles.get(row.profile) ?? 0,
      key_digest: row.keyDigest,
      tbs_digest: row.tbsDigest,
      not_before: row.notBefore.getTime(),
      not_after: row.notAfter.getTime(),
      labels: null,
      supersede: null,
      revoke_old: null,
      renews: null,
    }));
    yield* all(build.insertInto('intent').values(intents).returning('id'));
    const certificates = slice.map(({ row, id, isSuperseded }) => ({
      intent_id: id,
      fingerprint: row.fingerprint,
      issued_at: at,
      superseded_at: isSuperseded ? at : null,
      revoked_at: row.revocation?.at.getTime() ?? null,
      revocation_reason: row.revocation?.reason ?? null,
      revoked_audit_seq: row.revocation ? auditSeq : null,
      audit_seq: auditSeq,
      der: row.der,
    }));
    yield* all(build.insertInto('certificate').values(certificates).returning('intent_id'));
  }
  const revoked = rows.flatMap(({ row, id }) =>
    row.revocation === null
      ? []
      : {
          issuer_id: row.issuerId,
          serial: row.serial,
          intent_id: id,
          not_after: row.notAfter.getTime(),
          revoked_at: row.revocation.at.getTime(),
          reason: row.revocation.reason,
          audit_seq: auditSeq,
        },
  );
  for (const slice of slicesOf(revoked))
    yield* all(build.insertInto('revocation').values(slice).returning('serial'));
  const slots = rows.filter(({ holdsSlot }) => holdsSlot);
  for (const slice of slicesOf(slots)) {
    const values = slice.map(({ row, id, device }) => ({ device, profile: row.profile, intent_id: id }));
    yield* all(
      build
        .insertInto('slot')
        .values(values)
        .onConflict((conflict) =>
          conflict
            .columns(['device', 'profile'])
            .doUpdateSet((is) => ({ intent_id: is.ref('excluded.intent_id') })),
        )
        .returning('device'),
    );
  }
  yield* supersede(planned.displaced, at);
}

function* supersede(displaced: readonly number[], at: number): Asking<void> {
  for (const id of displaced)
    yield* all(
      build
        .updateTable('certificate')
        .set({ superseded_at: at })
        .where('intent_id', '=', id)
        .where('superseded_at', 'is', null)
        .where('revoked_at', 'is', null)
        .returning('intent_id'),
    );
}
