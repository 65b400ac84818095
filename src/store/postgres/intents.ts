import type { IntentChunk, IntentRow, IntentVerdict } from '../../ca/index.ts';
import { rowsDigest } from '../audit.ts';
import { fieldsOfRow, labelsOf } from '../intents.ts';
import { verifyIssues } from '../refusals.ts';
import { tellOfKey } from '../verdicts.ts';
import { judgeRow, type OnRecord, readRecord } from './claims.ts';
import { Overtaken } from './failure.ts';
import { fleetName } from './fleets.ts';
import { profileVersions } from './profile-versions.ts';
import { allowanceOf, spend } from './quotas.ts';
import type { Transaction } from './transaction.ts';

/** Rows go in in the order of their keys, so that two writers could not wait for each other. */
const SQL = {
  issuerStates: 'SELECT id, state FROM generation WHERE id = ANY($1::bigint[])',
  newDevices: `INSERT INTO device (fleet_id, device_id, folded_id, created_at)
    SELECT $1, w.device_id, w.folded_id, $2 FROM unnest($3::text[], $4::text[]) AS w (device_id, folded_id)
    ORDER BY w.folded_id COLLATE "C" ON CONFLICT DO NOTHING RETURNING id, device_id`,
  claimKeys: `INSERT INTO device_key (fleet_id, key_digest, device)
    SELECT $1, w.key_digest, w.device FROM unnest($2::bytea[], $3::bigint[]) AS w (key_digest, device)
    ORDER BY w.key_digest ON CONFLICT DO NOTHING`,
  keysOfOthers: `SELECT 1 FROM unnest($2::bytea[], $3::bigint[]) AS w (key_digest, device)
    CROSS JOIN LATERAL (SELECT device FROM device_key WHERE fleet_id = $1 AND key_digest = w.key_digest LIMIT 1) AS k
    WHERE k.device <> w.device LIMIT 1`,
  newLabels: `INSERT INTO intent_label (fleet_id, name, value, intent_id)
    SELECT $1, w.name, w.value, w.id FROM unnest($2::text[], $3::text[], $4::bigint[]) AS w (name, value, id)`,
  newIntents: `WITH w AS (SELECT * FROM unnest($3::bigint[], $4::bytea[], $5::bigint[], $6::bigint[], $7::bytea[], $8::bytea[],
        $9::bigint[], $10::bigint[], $11::text[], $12::text[], $13::text[], $14::smallint[], $15::text[], $16::bigint[]) WITH ORDINALITY
      AS w (issuer_id, serial, device, profile_id, key_digest, tbs_digest, not_before, not_after, labels, supersede, profile, generated, revoke_old, renews, place)),
    made AS (INSERT INTO intent (id, chunk_id, issuer_id, serial, device, profile_id, key_digest, tbs_digest,
        not_before, not_after, labels, supersede, generated, revoke_old, renews)
      SELECT $1::bigint + place - 1, $2, issuer_id, serial, device, profile_id, key_digest, tbs_digest,
        not_before, not_after, labels, supersede, generated, revoke_old, renews FROM w ORDER BY place)
    INSERT INTO slot (device, profile, intent_id) SELECT device, profile, $1::bigint + place - 1 FROM w
    ORDER BY device, profile COLLATE "C" ON CONFLICT (device, profile) DO UPDATE SET intent_id = excluded.intent_id`,
} as const;

/** Makes the devices that are not on record. Gives the number of each row's device, in order. */
async function claimDevices(
  transaction: Transaction,
  { act, fleetId }: IntentChunk,
  won: readonly IntentRow[],
  record: OnRecord,
): Promise<readonly number[]> {
  const ids = new Map<string, number>();
  const missing = new Map<string, string>();
  for (const { foldedId, deviceId } of won) {
    const id = record.devices.get(foldedId)?.id;
    if (id === undefined) missing.set(foldedId, deviceId);
    else ids.set(deviceId, id);
  }
  if (missing.size > 0) {
    const made = await transaction.rows<{ id: number; device_id: string }>(
      SQL.newDevices,
      fleetId,
      act.at.getTime(),
      [...missing.values()],
      [...missing.keys()],
    );
    if (made.length !== missing.size) throw new Overtaken('a device was recorded by another writer');
    for (const { id, device_id } of made) ids.set(device_id, id);
  }
  return won.map(({ deviceId }) => ids.get(deviceId) ?? 0);
}

async function claimKeys(
  transaction: Transaction,
  { fleetId }: IntentChunk,
  won: readonly IntentRow[],
  devices: readonly number[],
): Promise<void> {
  const keys = won.map(({ keyDigest }) => keyDigest);
  const made = await transaction.change(SQL.claimKeys, fleetId, keys, devices);
  // Some had their keys before, or ask for two profiles with one.
  if (made === won.length) return;
  const foreign = await transaction.rows(SQL.keysOfOthers, fleetId, keys, devices);
  if (foreign.length > 0) throw new Overtaken('a key was claimed by another writer');
}

async function insertIntents(
  transaction: Transaction,
  chunkId: number,
  firstIntent: number,
  won: readonly IntentRow[],
  devices: readonly number[],
): Promise<void> {
  const of = <T>(field: (row: IntentRow) => T): readonly T[] => won.map(field);
  await transaction.change(
    SQL.newIntents,
    firstIntent,
    chunkId,
    of((row) => row.issuerId),
    of((row) => row.serial),
    devices,
    await profileVersions(transaction, won),
    of((row) => row.keyDigest),
    of((row) => row.tbsDigest),
    of((row) => row.notBefore.getTime()),
    of((row) => row.notAfter.getTime()),
    of((row) => row.labels),
    of((row) => row.supersede),
    of((row) => row.profile),
    of((row) => (row.made === null ? 0 : 1)),
    of((row) => row.revokeOld),
    of((row) => row.renews?.intentId ?? null),
  );
}

async function insertLabels(
  transaction: Transaction,
  fleetId: number,
  won: readonly IntentRow[],
  firstIntent: number,
): Promise<void> {
  const labels = won.flatMap((row, i) =>
    labelsOf(row).map(([name, value]) => ({ name, value, id: firstIntent + i })),
  );
  if (labels.length === 0) return;
  await transaction.change(
    SQL.newLabels,
    fleetId,
    labels.map(({ name }) => name),
    labels.map(({ value }) => value),
    labels.map(({ id }) => id),
  );
}

async function appendEntry(
  transaction: Transaction,
  chunk: IntentChunk,
  won: readonly IntentRow[],
): Promise<number> {
  return transaction.appendAudit(chunk.act, {
    action: 'intents-recorded',
    fleet: await fleetName(transaction, chunk.fleetId),
    details: {
      run: chunk.runId,
      batch: chunk.batchId,
      recorded: won.length,
      rowsDigest: rowsDigest(won.map(fieldsOfRow)),
    },
  });
}

async function verifyIssuers(transaction: Transaction, { rows }: IntentChunk): Promise<void> {
  const ids = [...new Set(rows.map(({ issuerId }) => issuerId))];
  const found = await transaction.rows<{ id: number; state: string }>(SQL.issuerStates, ids);
  const states = new Map(found.map(({ id, state }) => [id, state]));
  for (const id of ids) verifyIssues(states.get(id));
}

/** See `Ledger.recordIntents`. */
export async function recordIntents(
  transaction: Transaction,
  chunk: IntentChunk,
): Promise<readonly IntentVerdict[]> {
  transaction.verifyClock(chunk.act.at);
  if (chunk.rows.length === 0) return [];
  await verifyIssuers(transaction, chunk);
  // 1. Judge, with all that is on record about the chunk at hand.
  const record = await readRecord(transaction, chunk);
  const allowance = await allowanceOf(transaction, chunk.act);
  const judged = chunk.rows.map((row) => judgeRow(record, chunk, row, allowance));
  const won = chunk.rows.filter((_, i) => judged[i] === undefined);
  let next = 0;
  const verdictOf = (verdict: IntentVerdict | undefined, i: number): IntentVerdict => {
    const key = Buffer.from(chunk.rows[i]?.keyDigest ?? []).toString('hex');
    return tellOfKey(verdict ?? { verdict: 'recorded', intentId: next++ }, record.keysElsewhere.has(key));
  };
  if (won.length === 0) return judged.map(verdictOf);
  // 2. The entry before the rows that point to it.
  const auditSeq = await appendEntry(transaction, chunk, won);
  if (allowance) await spend(transaction, chunk.act, allowance);
  // 3. Names and keys, what the intents share, the intents, and their slots.
  const devices = await claimDevices(transaction, chunk, won, record);
  await claimKeys(transaction, chunk, won, devices);
  const { act, runId, batchId, fleetId } = chunk;
  const intents = won.length;
  const shared = { act, kind: 'device', runId, batchId, fleetId, intents, auditSeq } as const;
  const { id, firstIntent } = await transaction.insertChunk(shared);
  await insertIntents(transaction, id, firstIntent, won, devices);
  await insertLabels(transaction, fleetId, won, firstIntent);
  next = firstIntent;
  return judged.map(verdictOf);
}
