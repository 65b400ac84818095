import { createHash } from 'node:crypto';
import type { Selectable } from 'kysely';
import type {
  Attempt,
  AttemptState,
  Batch,
  BatchOpening,
  LotKeyMaking,
  RowOutcome,
  StoredOutcome,
} from '../batch/index.ts';
import type { Act } from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import { type Asking, all, answer, first } from './asking.ts';
import { appendAudit, rowsDigest } from './audit.ts';
import { fleetName } from './fleets.ts';
import type { Schema } from './schema.ts';
import { build, type Session } from './session.ts';

/** Attempts that `findBatch` gives: the last of them. */
const MAX_ATTEMPTS = 100;

export const readAttempt = (row: Selectable<Schema['batch_attempt']>): Attempt => ({
  number: row.number,
  state: row.state as AttemptState,
  rows: row.row_count,
  issued: row.issued,
  replayed: row.replayed,
  refused: row.refused,
  failed: row.failed,
  startedAt: new Date(row.started_at),
  changedAt: new Date(row.changed_at ?? row.started_at),
  endedAt: row.ended_at === null ? null : new Date(row.ended_at),
});

export const getBatch = (id: string): Asking<Selectable<Schema['batch']> | undefined> =>
  first(build.selectFrom('batch').selectAll().where('id', '=', id));

interface MakingRow {
  readonly recipient: Uint8Array | null;
  readonly key_algorithm: string | null;
}

const sameMaking = ({ recipient, key_algorithm }: MakingRow, making: LotKeyMaking | undefined): boolean =>
  making === undefined || recipient === null
    ? making === undefined && recipient === null
    : Buffer.compare(recipient, making.recipient) === 0 && key_algorithm === making.algorithm;

/** How the keys of a batch are made, as it is on record. */
export const makingColumns = (making: LotKeyMaking | undefined): MakingRow => ({
  recipient: making?.recipient ?? null,
  key_algorithm: making?.algorithm ?? null,
});

/** As `makingColumns` wrote it; absent where it wrote nothing. */
const readMaking = ({ recipient, key_algorithm }: MakingRow): { readonly making?: LotKeyMaking } =>
  recipient === null || key_algorithm === null
    ? {}
    : { making: { recipient, algorithm: key_algorithm as LotKeyMaking['algorithm'] } };

/** SHA-256 of a batch's recipient; null where it has none. */
export const recipientDigestOf = ({ recipient }: Pick<MakingRow, 'recipient'>): Uint8Array | null =>
  recipient && createHash('sha256').update(recipient).digest();

/** The envelope that an outcome of a batch shows: one for another recipient is another batch's. */
const shownEnvelope = (
  digest: Uint8Array | null,
  kept: { readonly envelope: Uint8Array | null; readonly recipient_digest: Uint8Array | null },
): Uint8Array | null =>
  digest && kept.recipient_digest && Buffer.compare(digest, kept.recipient_digest) === 0
    ? kept.envelope
    : null;

/** What the entry of an opened batch says of its keys. */
export const makingDetails = (making: LotKeyMaking | undefined) =>
  making === undefined
    ? {}
    : {
        recipient: createHash('sha256').update(making.recipient).digest('hex'),
        keyAlgorithm: making.algorithm,
      };

export function verifySameOpening(known: Selectable<Schema['batch']>, opening: BatchOpening): void {
  const same =
    known.fleet_id === opening.fleetId &&
    known.profile === opening.profile &&
    known.authority === opening.authority &&
    sameMaking(known, opening.making);
  if (same) return;
  throw new PkiError(
    'idempotency-key-reused',
    'This batch id is in use for another fleet, profile, authority, recipient or kind of key. Use a new one.',
  );
}

export function openBatch(
  session: Session,
  act: Act,
  runId: string,
  opening: BatchOpening,
): { attempt: number } {
  const { id, fleetId, tokenId, profile, authority, making } = opening;
  const at = act.at.getTime();
  const known = answer(session, getBatch(id));
  if (known) verifySameOpening(known, opening);
  const batch =
    known?.number ??
    session.run(
      build.insertInto('batch').values({
        id,
        fleet_id: fleetId,
        token_id: tokenId,
        profile,
        authority,
        created_at: at,
        last_seq: 0,
        ...makingColumns(making),
      }),
    ).id;
  const last = session.first(
    build
      .selectFrom('batch_attempt')
      .select('number')
      .where('batch', '=', batch)
      .orderBy('number', 'desc')
      .limit(1),
  );
  const attempt = (last?.number ?? 0) + 1;
  session.run(
    build.insertInto('batch_attempt').values({
      batch,
      number: attempt,
      state: 'receiving',
      run_id: runId,
      started_at: at,
      ended_at: null,
      row_count: 0,
      issued: 0,
      replayed: 0,
      refused: 0,
      failed: 0,
    }),
  );
  const details = { batch: id, attempt, profile, authority, ...makingDetails(making) };
  appendAudit(session, act, { action: 'batch-opened', fleet: fleetName(session, fleetId), details });
  return { attempt };
}

const SQL = {
  newOutcome: `INSERT INTO batch_outcome (batch, seq, attempt, row_number, status, intent_id, device_id, problem, warnings)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  advance: 'UPDATE batch SET last_seq = ? WHERE number = ?',
  count: `UPDATE batch_attempt SET row_count = row_count + ?, issued = issued + ?, replayed = replayed + ?,
    refused = refused + ?, failed = failed + ?, changed_at = ? WHERE batch = ? AND number = ? AND state = 'receiving'`,
} as const;

/** A text from a row that was refused may hold what no engine stores. */
export const storable = (text: string | null): string | null =>
  text?.replaceAll('\0', '\ufffd').toWellFormed() ?? null;

export function recordOutcomes(
  session: Session,
  act: Act,
  batchId: string,
  attempt: number,
  outcomes: readonly RowOutcome[],
): { readonly firstSeq: number } {
  const batch = answer(session, getBatch(batchId));
  if (!batch) throw new Error(`there is no batch ${batchId}`);
  const count = (status: RowOutcome['status']): number => outcomes.filter((o) => o.status === status).length;
  const counts = {
    issued: count('issued'),
    replayed: count('replayed'),
    refused: count('refused'),
    failed: count('failed'),
  };
  const { changes } = session
    .prepare(SQL.count)
    .run(
      outcomes.length,
      counts.issued,
      counts.replayed,
      counts.refused,
      counts.failed,
      act.at.getTime(),
      batch.number,
      attempt,
    );
  if (changes !== 1) throw new Error(`attempt ${attempt} of batch ${batchId} is not open`);
  const newOutcome = session.prepare(SQL.newOutcome);
  outcomes.forEach((outcome, i) => {
    newOutcome.run(
      batch.number,
      batch.last_seq + i + 1,
      attempt,
      outcome.row,
      outcome.status,
      outcome.intentId,
      outcome.intentId === null ? storable(outcome.deviceId) : null,
      storable(outcome.problem && JSON.stringify(outcome.problem)),
      outcome.warnings.length === 0 ? null : JSON.stringify(outcome.warnings),
    );
  });
  session.prepare(SQL.advance).run(batch.last_seq + outcomes.length, batch.number);
  appendAudit(session, act, {
    action: 'batch-outcomes-recorded',
    fleet: fleetName(session, batch.fleet_id),
    details: {
      batch: batchId,
      attempt,
      firstSeq: batch.last_seq + 1,
      ...counts,
      rowsDigest: rowsDigest(outcomes.map((o) => [o.row, o.status, o.intentId, o.problem?.code ?? null])),
    },
  });
  return { firstSeq: batch.last_seq + 1 };
}

export function closeAttempt(
  session: Session,
  act: Act,
  batchId: string,
  attempt: number,
  state: AttemptState,
): void {
  const batch = answer(session, getBatch(batchId));
  const { changes } = session.run(
    build
      .updateTable('batch_attempt')
      .set({ state, ended_at: act.at.getTime() })
      .where('batch', '=', batch?.number ?? 0)
      .where('number', '=', attempt)
      .where('state', '=', 'receiving'),
  );
  if (!batch || changes !== 1) throw new Error(`attempt ${attempt} of batch ${batchId} is not open`);
  const details = { batch: batchId, attempt, state };
  appendAudit(session, act, {
    action: 'batch-attempt-closed',
    fleet: fleetName(session, batch.fleet_id),
    details,
  });
}

export function* findBatch(id: string): Asking<Batch | undefined> {
  const batch = yield* getBatch(id);
  if (!batch) return undefined;
  const attempts = yield* all(
    build
      .selectFrom('batch_attempt')
      .selectAll()
      .where('batch', '=', batch.number)
      .orderBy('number', 'desc')
      .limit(MAX_ATTEMPTS),
  );
  return {
    id,
    fleetId: batch.fleet_id,
    tokenId: batch.token_id,
    profile: batch.profile,
    authority: batch.authority,
    createdAt: new Date(batch.created_at),
    lastSeq: batch.last_seq,
    acknowledged: batch.acknowledged,
    ...readMaking(batch),
    attempts: attempts.toReversed().map(readAttempt),
  };
}

export function* listOutcomes(
  batchId: string,
  attempt: number | null,
  after: number,
  limit: number,
): Asking<readonly StoredOutcome[]> {
  const batch = yield* getBatch(batchId);
  if (!batch) return [];
  const digest = recipientDigestOf(batch);
  const rows = yield* all(
    build
      .selectFrom('batch_outcome as o')
      .leftJoin('certificate as c', 'c.intent_id', 'o.intent_id')
      .leftJoin('intent as i', 'i.id', 'o.intent_id')
      .leftJoin('device as d', 'd.id', 'i.device')
      .leftJoin('key_envelope as e', 'e.intent_id', 'o.intent_id')
      .select(['o.seq', 'o.attempt', 'o.row_number', 'o.device_id', 'o.status', 'o.intent_id'])
      .select([
        'o.problem',
        'o.warnings',
        'c.der',
        'i.serial',
        'd.device_id as issued_to',
        'e.envelope',
        'e.recipient_digest',
      ])
      .where('o.batch', '=', batch.number)
      .where('o.seq', '>', after)
      .$if(attempt !== null, (query) => query.where('o.attempt', '=', attempt ?? 0))
      .orderBy('o.seq')
      .limit(limit),
  );
  return rows.map((row) => ({
    seq: row.seq,
    attempt: row.attempt,
    row: row.row_number,
    deviceId: row.issued_to ?? row.device_id,
    status: row.status as StoredOutcome['status'],
    intentId: row.intent_id,
    problem: row.problem === null ? null : JSON.parse(row.problem),
    warnings: row.warnings === null ? [] : JSON.parse(row.warnings),
    serial: row.serial,
    certificate: row.der,
    envelope: shownEnvelope(digest, row),
  }));
}
