import type { AttemptState, BatchOpening, RowOutcome } from '../../batch/index.ts';
import type { Act } from '../../ca/index.ts';
import { rowsDigest } from '../audit.ts';
import { getBatch, makingColumns, makingDetails, storable, verifySameOpening } from '../batches.ts';
import { build } from '../session.ts';
import { fleetName } from './fleets.ts';
import type { PostgresSession } from './session.ts';
import type { Transaction } from './transaction.ts';

const SQL = {
  newAttempt: `INSERT INTO batch_attempt (batch, number, state, run_id, started_at, row_count, issued, replayed, refused, failed)
    SELECT $1, coalesce((SELECT max(number) FROM batch_attempt WHERE batch = $1), 0) + 1, 'receiving', $2, $3, 0, 0, 0, 0, 0
    RETURNING number`,
  count: `UPDATE batch_attempt SET row_count = row_count + $3, issued = issued + $4, replayed = replayed + $5,
    refused = refused + $6, failed = failed + $7, changed_at = $8 WHERE batch = $1 AND number = $2 AND state = 'receiving'`,
  newOutcomes: `INSERT INTO batch_outcome (batch, seq, attempt, row_number, status, intent_id, device_id, problem, warnings)
    SELECT $1, $2::bigint + w.place, $3, w.row_number, w.status, w.intent_id, w.device_id, w.problem, w.warnings
    FROM unnest($4::bigint[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::text[]) WITH ORDINALITY
      AS w (row_number, status, intent_id, device_id, problem, warnings, place)`,
  advance: 'UPDATE batch SET last_seq = $2 WHERE number = $1',
} as const;

async function insertBatch(session: PostgresSession, act: Act, opening: BatchOpening): Promise<number> {
  const made = await session.first(
    build
      .insertInto('batch')
      .values({
        id: opening.id,
        fleet_id: opening.fleetId,
        token_id: opening.tokenId,
        profile: opening.profile,
        authority: opening.authority,
        created_at: act.at.getTime(),
        last_seq: 0,
        ...makingColumns(opening.making),
      })
      .returning('number'),
  );
  if (!made) throw new Error('a batch was inserted and has no number');
  return made.number;
}

export async function openBatch(
  transaction: Transaction,
  act: Act,
  runId: string,
  opening: BatchOpening,
): Promise<{ attempt: number }> {
  const { id, fleetId, profile, authority } = opening;
  const known = await transaction.answer(getBatch(id));
  if (known) verifySameOpening(known, opening);
  const batch = known?.number ?? (await insertBatch(transaction, act, opening));
  const [made] = await transaction.rows<{ number: number }>(SQL.newAttempt, batch, runId, act.at.getTime());
  const attempt = made?.number ?? 0;
  transaction.undertake({ attempt: { batch, number: attempt }, act });
  const details = { batch: id, attempt, profile, authority, ...makingDetails(opening.making) };
  const fleet = await fleetName(transaction, fleetId);
  await transaction.appendAudit(act, { action: 'batch-opened', fleet, details });
  return { attempt };
}

const warningsOf = ({ warnings }: RowOutcome): string | null =>
  warnings.length === 0 ? null : storable(JSON.stringify(warnings));

async function insertOutcomes(
  session: PostgresSession,
  batch: { readonly number: number; readonly last_seq: number },
  attempt: number,
  outcomes: readonly RowOutcome[],
): Promise<void> {
  const of = <T>(field: (outcome: RowOutcome) => T): readonly T[] => outcomes.map(field);
  await session.change(
    SQL.newOutcomes,
    batch.number,
    batch.last_seq,
    attempt,
    of((o) => o.row),
    of((o) => o.status),
    of((o) => o.intentId),
    of((o) => (o.intentId === null ? storable(o.deviceId) : null)),
    of((o) => storable(o.problem && JSON.stringify(o.problem))),
    of(warningsOf),
  );
  await session.change(SQL.advance, batch.number, batch.last_seq + outcomes.length);
}

export async function recordOutcomes(
  transaction: Transaction,
  act: Act,
  batchId: string,
  attempt: number,
  outcomes: readonly RowOutcome[],
): Promise<{ readonly firstSeq: number }> {
  const batch = await transaction.answer(getBatch(batchId));
  if (!batch) throw new Error(`there is no batch ${batchId}`);
  const count = (status: RowOutcome['status']): number => outcomes.filter((o) => o.status === status).length;
  const counts = {
    issued: count('issued'),
    replayed: count('replayed'),
    refused: count('refused'),
    failed: count('failed'),
  };
  const { issued, replayed, refused, failed } = counts;
  const counted = [outcomes.length, issued, replayed, refused, failed, act.at.getTime()];
  const changes = await transaction.change(SQL.count, batch.number, attempt, ...counted);
  if (changes !== 1) throw new Error(`attempt ${attempt} of batch ${batchId} is not open`);
  await insertOutcomes(transaction, batch, attempt, outcomes);
  const firstSeq = batch.last_seq + 1;
  await transaction.appendAudit(act, {
    action: 'batch-outcomes-recorded',
    fleet: await fleetName(transaction, batch.fleet_id),
    details: {
      batch: batchId,
      attempt,
      firstSeq,
      ...counts,
      rowsDigest: rowsDigest(outcomes.map((o) => [o.row, o.status, o.intentId, o.problem?.code ?? null])),
    },
  });
  return { firstSeq };
}

export async function closeAttempt(
  transaction: Transaction,
  act: Act,
  batchId: string,
  attempt: number,
  state: AttemptState,
): Promise<void> {
  const batch = await transaction.answer(getBatch(batchId));
  const changes = await transaction.run(
    build
      .updateTable('batch_attempt')
      .set({ state, ended_at: act.at.getTime() })
      .where('batch', '=', batch?.number ?? 0)
      .where('number', '=', attempt)
      .where('state', '=', 'receiving'),
  );
  if (!batch || changes !== 1) throw new Error(`attempt ${attempt} of batch ${batchId} is not open`);
  const details = { batch: batchId, attempt, state };
  const fleet = await fleetName(transaction, batch.fleet_id);
  await transaction.appendAudit(act, { action: 'batch-attempt-closed', fleet, details });
}
