import type { IntentChunk, IntentRow, IntentVerdict, StoredCertificate } from '../ca/index.ts';
import type { Allowance } from './allowance.ts';
import { certificateOfIntent } from './certificates.ts';
import { findMadeKey } from './envelopes.ts';
import type { Session } from './session.ts';
import {
  checkTexts,
  deviceIdTwin,
  deviceScrapped,
  judgeAgainst,
  judgeMadeKey,
  judgeRenewal,
  keyOfAnotherDevice,
  keyOfCa,
  keyRetired,
} from './verdicts.ts';

/** Statements of the hot path, by hand: one row each, prepared once. */
const SQL = {
  caKeys: 'SELECT key_digest FROM ca_key',
  caKey: 'SELECT 1 FROM ca_key WHERE key_digest = ?',
  keyOwners:
    'SELECT k.fleet_id, d.id, d.device_id FROM device_key k JOIN device d ON d.id = k.device WHERE k.key_digest = ?',
  deviceByFold: 'SELECT id, device_id, scrapped FROM device WHERE fleet_id = ? AND folded_id = ?',
  newDevice: 'INSERT INTO device (fleet_id, device_id, folded_id, created_at) VALUES (?, ?, ?, ?)',
  claimKey: 'INSERT INTO device_key (fleet_id, key_digest, device) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  slot: `SELECT i.id, i.abandoned, k.run_id, c.intent_id AS completed FROM slot s JOIN intent i ON i.id = s.intent_id
    JOIN intent_chunk k ON k.id = i.chunk_id LEFT JOIN certificate c ON c.intent_id = i.id
    WHERE s.device = ? AND s.profile = ?`,
  lastCompleted: `SELECT i.id FROM intent i JOIN certificate c ON c.intent_id = i.id
    JOIN profile_version v ON v.id = i.profile_id WHERE i.device = ? AND v.name = ? ORDER BY i.id DESC LIMIT 1`,
  lost: "SELECT id FROM generation WHERE state = 'compromised'",
  revokedKey: `SELECT 1 FROM intent i JOIN certificate c ON c.intent_id = i.id
    WHERE i.device = ? AND i.key_digest = ? AND c.revoked_at IS NOT NULL LIMIT 1`,
} as const;

interface Device {
  readonly id: number;
  readonly device_id: string;
}

interface NamedDevice extends Device {
  readonly scrapped: number;
}

/** The first four octets of a digest, as a number. */
const headOf = (digest: Uint8Array): number =>
  ((digest[0] ?? 0) << 24) | ((digest[1] ?? 0) << 16) | ((digest[2] ?? 0) << 8) | (digest[3] ?? 0);

/** Authorities are few and their keys' heads are at hand: hardly a device's key has to be looked up. */
function isCaKey(session: Session, digest: Uint8Array): boolean {
  const heads = session.remember('heads of CA keys', () => {
    const keys = session.prepare(SQL.caKeys).all() as { key_digest: Uint8Array }[];
    return new Set(keys.map(({ key_digest }) => headOf(key_digest)));
  });
  return heads.has(headOf(digest)) && session.prepare(SQL.caKey).get(digest) !== undefined;
}

/**
 * The certificate that stands in a slot. An intent that was given up has changed nothing: behind it
 * stands what it was to replace.
 */
function standingCertificate(
  session: Session,
  device: number,
  profile: string,
  slot: { readonly id: number; readonly completed: number | null },
): StoredCertificate | undefined {
  if (slot.completed !== null) return certificateOfIntent(session, slot.id);
  const last = session.prepare(SQL.lastCompleted).get(device, profile) as { id: number } | undefined;
  return last && certificateOfIntent(session, last.id);
}

const lostGenerations = (session: Session): ReadonlySet<number> =>
  session.remember('compromised generations', () => {
    const rows = session.prepare(SQL.lost).all() as { id: number }[];
    return new Set(rows.map(({ id }) => id));
  });

function judgeSlot(session: Session, row: IntentRow, device: number, at: Date): IntentVerdict | undefined {
  const slot = session.prepare(SQL.slot).get(device, row.profile) as
    | { id: number; abandoned: number; run_id: string; completed: number | null }
    | undefined;
  if (slot?.abandoned === 0 && slot.completed === null) return { verdict: 'pending', runId: slot.run_id };
  const standing = slot && standingCertificate(session, device, row.profile, slot);
  const judged = { at, lost: lostGenerations(session) };
  const judge = (certificate: StoredCertificate): IntentVerdict | undefined => {
    if (row.renews)
      return judgeRenewal(row, certificateOfIntent(session, row.renews.intentId), certificate, judged);
    return row.made
      ? judgeMadeKey(row, row.made, { certificate, ...findMadeKey(session, certificate.intentId) }, judged)
      : judgeAgainst(row, certificate, judged);
  };
  const verdict = standing && judge(standing);
  if (verdict) return verdict;
  const retired = row.supersede === null && session.prepare(SQL.revokedKey).get(device, row.keyDigest);
  return retired ? keyRetired() : undefined;
}

/** What the rows of a chunk share while they are judged. */
export interface Claims {
  /** Those that rows before have won. */
  readonly slots: Set<string>;
  /** Rows whose key a device of another fleet has. */
  readonly keysElsewhere: Set<IntentRow>;
  /** What the token may still spend. */
  readonly allowance: Allowance | undefined;
}

/** The rules on names and keys: whose ID is it, whose key is it. */
function checkOwnership(
  session: Session,
  fleetId: number,
  row: IntentRow,
  named: Device | undefined,
  keysElsewhere: Set<IntentRow>,
): IntentVerdict | undefined {
  if (named && named.device_id !== row.deviceId) return deviceIdTwin(named.device_id);
  if (isCaKey(session, row.keyDigest)) return keyOfCa();
  const owners = session.prepare(SQL.keyOwners).all(row.keyDigest) as (Device & { fleet_id: number })[];
  const owner = owners.find(({ fleet_id }) => fleet_id === fleetId);
  if (owners.length > (owner ? 1 : 0)) keysElsewhere.add(row);
  return owner && owner.id !== named?.id ? keyOfAnotherDevice(owner.device_id) : undefined;
}

/**
 * Decides on a row; where it wins, claims its device's name, its key and its slot, and gives the number
 * of the device. See `Ledger.recordIntents`.
 */
export function claimSlotAndKey(
  session: Session,
  { act, runId, fleetId }: IntentChunk,
  row: IntentRow,
  { slots, keysElsewhere, allowance }: Claims,
): IntentVerdict | number {
  const unstorable = checkTexts(row);
  if (unstorable) return unstorable;
  const named = session.prepare(SQL.deviceByFold).get(fleetId, row.foldedId) as NamedDevice | undefined;
  const foreign = checkOwnership(session, fleetId, row, named, keysElsewhere);
  if (foreign) return foreign;
  if (named) {
    if (named.scrapped === 1) return deviceScrapped();
    if (slots.has(`${named.id} ${row.profile}`)) return { verdict: 'pending', runId };
    const verdict = judgeSlot(session, row, named.id, act.at);
    if (verdict) return verdict;
  }
  const overdrawn = allowance?.take();
  if (overdrawn) return overdrawn;
  const device =
    named?.id ??
    Number(
      session.prepare(SQL.newDevice).run(fleetId, row.deviceId, row.foldedId, act.at.getTime())
        .lastInsertRowid,
    );
  session.prepare(SQL.claimKey).run(fleetId, row.keyDigest, device);
  slots.add(`${device} ${row.profile}`);
  return device;
}
