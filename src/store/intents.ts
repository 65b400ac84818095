import type {
  Act,
  CompletionChunk,
  IntentChunk,
  IntentRow,
  IntentVerdict,
  StoredCertificate,
} from '../ca/index.ts';
import { appendAudit, rowsDigest } from './audit.ts';
import { certificateOfIntent } from './certificates.ts';
import { fleetName } from './fleets.ts';
import type { Session } from './session.ts';
import {
  checkTexts,
  deviceIdTwin,
  judgeAgainst,
  keyOfAnotherDevice,
  keyOfCa,
  keyRetired,
} from './verdicts.ts';
import { verifyClock } from './verify-clock.ts';

/** Statements of the hot path, by hand: one row each, prepared once. */
const SQL = {
  caKey: 'SELECT 1 FROM ca_key WHERE key_digest = ?',
  keyOwner:
    'SELECT d.id, d.device_id FROM device_key k JOIN device d ON d.id = k.device WHERE k.fleet_id = ? AND k.key_digest = ?',
  deviceByFold: 'SELECT id, device_id FROM device WHERE fleet_id = ? AND folded_id = ?',
  slot: 'SELECT i.id, i.state, i.run_id FROM slot s JOIN intent i ON i.id = s.intent_id WHERE s.device = ? AND s.profile = ?',
  lastCompleted: `SELECT id FROM intent WHERE device = ? AND profile = ? AND state = 'completed'
    ORDER BY id DESC LIMIT 1`,
  revokedKey: `SELECT 1 FROM intent i JOIN certificate c ON c.intent_id = i.id
    WHERE i.device = ? AND i.key_digest = ? AND c.revoked_at IS NOT NULL LIMIT 1`,
  newDevice:
    'INSERT INTO device (fleet_id, device_id, folded_id, created_at) VALUES (?, ?, ?, ?) RETURNING id',
  claimKey: 'INSERT INTO device_key (fleet_id, key_digest, device) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  newIntent: `INSERT INTO intent (kind, state, issuer_id, serial, device, profile, profile_digest, key_digest, tbs_digest,
    not_before, not_after, labels, supersede, run_id, batch_id, actor_id, created_at, audit_seq)
    VALUES ('device', 'open', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
  claimSlot: `INSERT INTO slot (device, profile, intent_id) VALUES (?, ?, ?)
    ON CONFLICT (device, profile) DO UPDATE SET intent_id = excluded.intent_id`,
  openIntent: `SELECT i.device, i.profile, i.supersede, i.serial, i.key_digest FROM intent i JOIN device d ON d.id = i.device
    WHERE i.id = ? AND i.run_id = ? AND i.state = 'open' AND d.fleet_id = ?`,
  completeIntent: "UPDATE intent SET state = 'completed' WHERE id = ?",
  newCertificate:
    'INSERT INTO certificate (intent_id, fingerprint, der, issued_at, audit_seq) VALUES (?, ?, ?, ?, ?)',
  supersede: `UPDATE certificate SET superseded_at = ? WHERE superseded_at IS NULL AND revoked_at IS NULL AND intent_id IN
    (SELECT id FROM intent WHERE device = ? AND profile = ? AND key_digest <> ? AND state = 'completed')`,
  abandonIntent: "UPDATE intent SET state = 'abandoned' WHERE id = ? AND run_id = ? AND state = 'open'",
} as const;

/** What a row's intent was, field by field, as the audit entry's digest covers it. */
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
}): readonly (Uint8Array | string | number | null)[] => [
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
];

interface Owner {
  readonly id: number;
  readonly device_id: string;
}

/** The rules on names and keys: whose ID is it, whose key is it. */
function checkOwnership(
  session: Session,
  fleetId: number,
  row: IntentRow,
): IntentVerdict | { device: number | null } {
  const named = session.prepare(SQL.deviceByFold).get(fleetId, row.foldedId) as Owner | undefined;
  if (named && named.device_id !== row.deviceId) {
    return deviceIdTwin(named.device_id);
  }
  if (session.prepare(SQL.caKey).get(row.keyDigest)) {
    return keyOfCa();
  }
  const owner = session.prepare(SQL.keyOwner).get(fleetId, row.keyDigest) as Owner | undefined;
  if (owner && owner.device_id !== row.deviceId) {
    return keyOfAnotherDevice(owner.device_id);
  }
  return { device: named?.id ?? null };
}

/**
 * The certificate that stands in a slot. An intent that was given up has changed nothing: behind it
 * stands what it was to replace.
 */
function standingCertificate(
  session: Session,
  device: number,
  profile: string,
  slot: { readonly id: number; readonly state: string },
): StoredCertificate | undefined {
  const completed =
    slot.state === 'completed'
      ? slot
      : (session.prepare(SQL.lastCompleted).get(device, profile) as { id: number } | undefined);
  if (!completed) return undefined;
  const certificate = certificateOfIntent(session, completed.id);
  if (!certificate) throw new Error(`intent ${completed.id} is completed without a certificate`);
  return certificate;
}

function judgeSlot(session: Session, row: IntentRow, device: number, at: Date): IntentVerdict | undefined {
  const slot = session.prepare(SQL.slot).get(device, row.profile) as
    | { id: number; state: string; run_id: string }
    | undefined;
  if (slot?.state === 'open') return { verdict: 'pending', runId: slot.run_id };
  const standing = slot && standingCertificate(session, device, row.profile, slot);
  const verdict = standing && judgeAgainst(row, standing, at);
  if (verdict) return verdict;
  const retired = row.supersede === null && session.prepare(SQL.revokedKey).get(device, row.keyDigest);
  return retired ? keyRetired() : undefined;
}

function insertIntent(
  session: Session,
  chunk: IntentChunk,
  row: IntentRow,
  device: number,
  auditSeq: number,
): number {
  const at = chunk.act.at.getTime();
  session.prepare(SQL.claimKey).run(chunk.fleetId, row.keyDigest, device);
  const { id } = session
    .prepare(SQL.newIntent)
    .get(
      row.issuerId,
      row.serial,
      device,
      row.profile,
      row.profileDigest,
      row.keyDigest,
      row.tbsDigest,
      row.notBefore.getTime(),
      row.notAfter.getTime(),
      row.labels,
      row.supersede,
      chunk.runId,
      chunk.batchId,
      chunk.act.actor.id,
      at,
      auditSeq,
    ) as { id: number };
  session.prepare(SQL.claimSlot).run(device, row.profile, id);
  return id;
}

function recordRow(session: Session, chunk: IntentChunk, row: IntentRow, auditSeq: number): IntentVerdict {
  const unstorable = checkTexts(row);
  if (unstorable) return unstorable;
  const owned = checkOwnership(session, chunk.fleetId, row);
  if ('verdict' in owned) return owned;
  const verdict = owned.device === null ? undefined : judgeSlot(session, row, owned.device, chunk.act.at);
  if (verdict) return verdict;
  const device =
    owned.device ??
    (
      session
        .prepare(SQL.newDevice)
        .get(chunk.fleetId, row.deviceId, row.foldedId, chunk.act.at.getTime()) as { id: number }
    ).id;
  return { verdict: 'recorded', intentId: insertIntent(session, chunk, row, device, auditSeq) };
}

/** See `Ledger.recordIntents`. */
export function recordIntents(session: Session, chunk: IntentChunk): readonly IntentVerdict[] {
  verifyClock(session, chunk.act.at);
  // Intents point at their entry, whose digest covers them: the number is known before, the entry
  // is written after; the reference is checked at the end of the transaction.
  const auditSeq = nextAuditSeq(session);
  const verdicts = chunk.rows.map((row) => recordRow(session, chunk, row, auditSeq));
  const recorded = chunk.rows.filter((_, i) => verdicts[i]?.verdict === 'recorded');
  if (recorded.length === 0) return verdicts;
  appendAudit(session, chunk.act, {
    action: 'intents-recorded',
    fleet: fleetName(session, chunk.fleetId),
    details: {
      run: chunk.runId,
      batch: chunk.batchId,
      recorded: recorded.length,
      rowsDigest: rowsDigest(
        recorded.map((row) =>
          intentFields({ ...row, notBefore: row.notBefore.getTime(), notAfter: row.notAfter.getTime() }),
        ),
      ),
    },
  });
  return verdicts;
}

function nextAuditSeq(session: Session): number {
  const last = session.prepare('SELECT seq FROM audit ORDER BY seq DESC LIMIT 1').get() as
    | { seq: number }
    | undefined;
  return (last?.seq ?? 0) + 1;
}

/** See `Ledger.recordIssued`. */
export function recordIssued(session: Session, chunk: CompletionChunk): void {
  const at = chunk.act.at.getTime();
  const auditSeq = nextAuditSeq(session);
  for (const { intentId, der, fingerprint } of chunk.issued) {
    const intent = session.prepare(SQL.openIntent).get(intentId, chunk.runId, chunk.fleetId) as
      | { device: number; profile: string; supersede: string | null; key_digest: Uint8Array }
      | undefined;
    if (!intent) throw new Error(`intent ${intentId} is not an open intent of this run and fleet`);
    session.prepare(SQL.completeIntent).run(intentId);
    session.prepare(SQL.newCertificate).run(intentId, fingerprint, der, at, auditSeq);
    if (intent.supersede !== null) {
      session.prepare(SQL.supersede).run(at, intent.device, intent.profile, intent.key_digest);
    }
  }
  appendAudit(session, chunk.act, {
    action: 'certificates-issued',
    fleet: fleetName(session, chunk.fleetId),
    details: {
      run: chunk.runId,
      batch: chunk.batchId,
      issued: chunk.issued.length,
      rowsDigest: rowsDigest(
        chunk.issued
          .toSorted((a, b) => a.intentId - b.intentId)
          .map(({ intentId, fingerprint }) => [intentId, fingerprint]),
      ),
    },
  });
}

/** See `Ledger.abandonIntents`. */
export function abandonIntents(
  session: Session,
  act: Act,
  runId: string,
  intentIds: readonly number[],
): void {
  const abandoned = intentIds.filter((id) => session.prepare(SQL.abandonIntent).run(id, runId).changes === 1);
  if (abandoned.length > 0) {
    appendAudit(session, act, {
      action: 'intents-abandoned',
      fleet: null,
      details: { run: runId, intents: abandoned },
    });
  }
}
