import type { IntentChunk, IntentRow, IntentVerdict } from '../ca/index.ts';
import { appendAudit, type Field, rowsDigest } from './audit.ts';
import { claimSlotAndKey } from './claims.ts';
import { fleetName } from './fleets.ts';
import { insertChunk } from './intent-chunks.ts';
import { profileVersion } from './profile-versions.ts';
import { allowanceOf, spend } from './quotas.ts';
import { verifyIssues } from './refusals.ts';
import type { Session } from './session.ts';
import { tellOfKey } from './verdicts.ts';
import { verifyClock } from './verify-clock.ts';

const SQL = {
  newIntent: `INSERT INTO intent (id, chunk_id, issuer_id, serial, device, profile_id, key_digest, tbs_digest,
    not_before, not_after, labels, supersede, generated, revoke_old, renews)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  issuerState: 'SELECT state FROM generation WHERE id = ?',
  newLabel: 'INSERT INTO intent_label (fleet_id, name, value, intent_id) VALUES (?, ?, ?, ?)',
  fillSlot: `INSERT INTO slot (device, profile, intent_id) VALUES (?, ?, ?)
    ON CONFLICT (device, profile) DO UPDATE SET intent_id = excluded.intent_id`,
} as const;

/**
 * What a row's intent was, field by field, as the audit entry's digest covers it. A key that came in a CSR,
 * and what a row does not revoke or renew, is not mentioned: entries from before say the same as ever.
 */
export const intentFields = (row: {
  deviceId: string;
  profile: string;
  profileDigest: Uint8Array;
  issuerId: number;
  serial: Uint8Array;
  keyDigest: Uint8Array;
  tbsDigest: Uint8Array;
  notBefore: number;
  notAfter: number;
  labels: string | null;
  supersede: string | null;
  made: unknown;
  revokeOld: string | null;
  renews: number | null;
}): readonly Field[] => [
  row.deviceId,
  row.profile,
  row.profileDigest,
  row.issuerId,
  row.serial,
  row.keyDigest,
  row.tbsDigest,
  row.notBefore,
  row.notAfter,
  row.labels,
  row.supersede,
  ...(row.made ? ['made'] : []),
  ...(row.revokeOld === null ? [] : [`revokes ${row.revokeOld}`]),
  ...(row.renews === null ? [] : [`renews ${row.renews}`]),
];

/** The same of a row that is about to be recorded. */
export const fieldsOfRow = (row: IntentRow): readonly Field[] =>
  intentFields({
    ...row,
    notBefore: row.notBefore.getTime(),
    notAfter: row.notAfter.getTime(),
    renews: row.renews?.intentId ?? null,
  });

/** The labels of a row, each of which it can be found by. */
export const labelsOf = ({ labels }: IntentRow): readonly (readonly [string, string])[] =>
  labels === null ? [] : Object.entries(JSON.parse(labels));

/** A row that won, and the number of its device. */
interface Won {
  readonly row: IntentRow;
  readonly device: number;
}

function insertIntents(session: Session, won: readonly Won[], chunkId: number, firstIntent: number): void {
  const newIntent = session.prepare(SQL.newIntent);
  const fillSlot = session.prepare(SQL.fillSlot);
  won.forEach(({ row, device }, i) => {
    newIntent.run(
      firstIntent + i,
      chunkId,
      row.issuerId,
      row.serial,
      device,
      profileVersion(session, row.profile, row.profileDigest),
      row.keyDigest,
      row.tbsDigest,
      row.notBefore.getTime(),
      row.notAfter.getTime(),
      row.labels,
      row.supersede,
      row.made === null ? 0 : 1,
      row.revokeOld,
      row.renews?.intentId ?? null,
    );
    fillSlot.run(device, row.profile, firstIntent + i);
  });
}

function insertLabels(session: Session, fleetId: number, won: readonly Won[], firstIntent: number): void {
  const newLabel = session.prepare(SQL.newLabel);
  won.forEach(({ row }, i) => {
    for (const [name, value] of labelsOf(row)) newLabel.run(fleetId, name, value, firstIntent + i);
  });
}

function appendEntry(session: Session, chunk: IntentChunk, won: readonly Won[]): number {
  const fields = won.map(({ row }) => fieldsOfRow(row));
  return appendAudit(session, chunk.act, {
    action: 'intents-recorded',
    fleet: fleetName(session, chunk.fleetId),
    details: {
      run: chunk.runId,
      batch: chunk.batchId,
      recorded: won.length,
      rowsDigest: rowsDigest(fields),
    },
  });
}

function verifyIssuers(session: Session, { rows }: IntentChunk): void {
  const issuer = session.prepare(SQL.issuerState);
  for (const id of new Set(rows.map(({ issuerId }) => issuerId)))
    verifyIssues((issuer.get(id) as { state: string } | undefined)?.state);
}

/** See `Ledger.recordIntents`. */
export function recordIntents(session: Session, chunk: IntentChunk): readonly IntentVerdict[] {
  verifyClock(session, chunk.act.at);
  verifyIssuers(session, chunk);
  // 1. Judge: devices and keys are claimed in the tables; slots in the chunk, whose intents have no number yet.
  const allowance = allowanceOf(session, chunk.act);
  const claims = { slots: new Set<string>(), keysElsewhere: new Set<IntentRow>(), allowance };
  const judged = chunk.rows.map((row) => claimSlotAndKey(session, chunk, row, claims));
  const won = chunk.rows.flatMap((row, i) => {
    const device = judged[i];
    return typeof device === 'number' ? [{ row, device }] : [];
  });
  let next = 0;
  const verdictOf = (verdict: IntentVerdict | number, i: number): IntentVerdict =>
    tellOfKey(
      typeof verdict === 'number' ? { verdict: 'recorded', intentId: next++ } : verdict,
      claims.keysElsewhere.has(chunk.rows[i] as IntentRow),
    );
  if (won.length === 0) return judged.map(verdictOf);
  // 2. The entry before the rows that point to it. A reference that is checked at the end of the transaction
  // would allow another order, and SQLite would search every table of such references for each entry.
  const auditSeq = appendEntry(session, chunk, won);
  if (allowance) spend(session, chunk.act, allowance);
  // 3. What the intents share, the intents, and their slots.
  const { act, runId, batchId, fleetId } = chunk;
  const intents = won.length;
  const { id, firstIntent } = insertChunk(session, {
    act,
    kind: 'device',
    runId,
    batchId,
    fleetId,
    intents,
    auditSeq,
  });
  insertIntents(session, won, id, firstIntent);
  insertLabels(session, fleetId, won, firstIntent);
  next = firstIntent;
  return judged.map(verdictOf);
}
