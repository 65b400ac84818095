import type { IntentChunk, IntentRow, IntentVerdict, StoredCertificate } from '../../ca/index.ts';
import type { Allowance } from '../allowance.ts';
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
  type StandingKey,
} from '../verdicts.ts';
import { certificatesOfIntents } from './certificates.ts';
import { findMadeKeys } from './envelopes.ts';
import type { Transaction } from './transaction.ts';

/**
 * What is on record about the names, keys and slots of a chunk, in a fixed number of statements whatever
 * its length. The lateral limits keep the plan: one descent of an index for each row.
 */
const SQL = {
  named: `SELECT d.id, d.device_id, d.scrapped, o.device_id AS owner, c.taken, e.elsewhere FROM unnest($2::text[], $3::bytea[]) WITH ORDINALITY
      AS w (folded_id, key_digest, place)
    LEFT JOIN LATERAL (SELECT * FROM device WHERE fleet_id = $1 AND folded_id = w.folded_id LIMIT 1) AS d ON true
    LEFT JOIN LATERAL (SELECT h.device_id FROM device_key k JOIN device h ON h.id = k.device
      WHERE k.fleet_id = $1 AND k.key_digest = w.key_digest LIMIT 1) AS o ON true
    LEFT JOIN LATERAL (SELECT true AS taken FROM ca_key WHERE key_digest = w.key_digest LIMIT 1) AS c ON true
    LEFT JOIN LATERAL (SELECT true AS elsewhere FROM device_key WHERE key_digest = w.key_digest AND fleet_id <> $1 LIMIT 1)
      AS e ON true
    ORDER BY w.place`,
  // An intent that was given up has changed nothing: behind it stands what it was to replace.
  slots: `SELECT w.device, w.profile, k.run_id, i.abandoned = 0 AND c.intent_id IS NULL AS open,
      coalesce(c.intent_id, last.id) AS standing
    FROM unnest($1::bigint[], $2::text[]) AS w (device, profile)
    CROSS JOIN LATERAL (SELECT * FROM slot WHERE device = w.device AND profile = w.profile LIMIT 1) AS s
    JOIN intent i ON i.id = s.intent_id JOIN intent_chunk k ON k.id = i.chunk_id
    LEFT JOIN certificate c ON c.intent_id = i.id
    LEFT JOIN LATERAL (SELECT o.id FROM intent o JOIN certificate p ON p.intent_id = o.id
      JOIN profile_version v ON v.id = o.profile_id WHERE o.device = w.device AND v.name = w.profile AND i.abandoned = 1
      ORDER BY o.id DESC LIMIT 1) AS last ON true`,
  lost: "SELECT id FROM generation WHERE fleet_id = $1 AND state = 'compromised'",
  revokedKeys: `SELECT w.device, w.key_digest FROM unnest($1::bigint[], $2::bytea[]) AS w (device, key_digest)
    CROSS JOIN LATERAL (SELECT 1 FROM intent i JOIN certificate c ON c.intent_id = i.id
      WHERE i.device = w.device AND i.key_digest = w.key_digest AND c.revoked_at IS NOT NULL LIMIT 1) AS r`,
} as const;

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

/** Whose a row's folded ID and its key are. */
interface Named {
  readonly id: number | null;
  readonly device_id: string | null;
  readonly scrapped: number | null;
  readonly owner: string | null;
  readonly taken: boolean | null;
  readonly elsewhere: boolean | null;
}

type Slot = { readonly openIn: string } | { readonly standing: StandingKey | undefined };

/** Where no row of the chunk has a key that was made, nobody asks. */
const UNKNOWN_KEY = { supersede: null, envelope: null } as const;

const pairOf = (device: string, of: string): string => `${device}\0${of}`;

/** The ledger as far as a chunk asks about it, with what rows before have changed. */
export interface OnRecord {
  /** By folded ID; those that are on record have a number. */
  readonly devices: Map<
    string,
    { readonly deviceId: string; readonly id?: number; readonly isScrapped: boolean }
  >;
  /** Device by key digest, hex. */
  readonly keyOwners: Map<string, string>;
  readonly caKeys: ReadonlySet<string>;
  /** Those that devices of other fleets have, hex. */
  readonly keysElsewhere: ReadonlySet<string>;
  /** By device and profile. */
  readonly slots: Map<string, Slot>;
  /** Device and key digest, hex. */
  readonly revokedKeys: ReadonlySet<string>;
  /** Generations of the fleet that are compromised. */
  readonly lost: ReadonlySet<number>;
  /** Certificates that devices have shown who renew them, by the intent. */
  readonly peers: ReadonlyMap<number, StoredCertificate>;
}

/** A row, and the number of its device. */
interface Known {
  readonly row: IntentRow;
  readonly device: number;
}

async function readSlots(transaction: Transaction, known: readonly Known[]): Promise<Map<string, Slot>> {
  const asked = new Map(known.map((k) => [pairOf(k.row.deviceId, k.row.profile), k]));
  const rows = await transaction.rows<{
    device: number;
    profile: string;
    run_id: string;
    open: boolean;
    standing: number | null;
  }>(
    SQL.slots,
    [...asked.values()].map(({ device }) => device),
    [...asked.values()].map(({ row }) => row.profile),
  );
  const standing = rows.flatMap((row) => (row.standing === null ? [] : [row.standing]));
  const certificates = await certificatesOfIntents(transaction, standing);
  const keys = known.some(({ row }) => row.made) ? await findMadeKeys(transaction, standing) : new Map();
  const names = new Map(known.map(({ row, device }) => [device, row.deviceId]));
  const standingOf = (intentId: number): StandingKey | undefined => {
    const certificate = certificates.get(intentId);
    return certificate && { certificate, ...(keys.get(intentId) ?? UNKNOWN_KEY) };
  };
  return new Map(
    rows.map((row) => [
      pairOf(names.get(row.device) ?? '', row.profile),
      row.open ? { openIn: row.run_id } : { standing: standingOf(row.standing ?? 0) },
    ]),
  );
}

async function readRevokedKeys(transaction: Transaction, known: readonly Known[]): Promise<Set<string>> {
  const names = new Map(known.map(({ row, device }) => [device, row.deviceId]));
  const rows = await transaction.rows<{ device: number; key_digest: Uint8Array }>(
    SQL.revokedKeys,
    known.map(({ device }) => device),
    known.map(({ row }) => row.keyDigest),
  );
  return new Set(rows.map((row) => pairOf(names.get(row.device) ?? '', hex(row.key_digest))));
}

/** Reads what is on record about the rows; those whose texts cannot be stored are not asked about. */
export async function readRecord(
  transaction: Transaction,
  { fleetId, rows }: IntentChunk,
): Promise<OnRecord> {
  const storable = rows.filter((row) => checkTexts(row) === undefined);
  const named = await transaction.rows<Named>(
    SQL.named,
    fleetId,
    storable.map(({ foldedId }) => foldedId),
    storable.map(({ keyDigest }) => keyDigest),
  );
  const asked = storable.map((row, i) => ({ row, key: hex(row.keyDigest), found: named[i] }));
  const known = asked.flatMap(({ row, found }) =>
    found?.id && found.device_id === row.deviceId ? [{ row, device: found.id }] : [],
  );
  return {
    devices: new Map(
      asked.flatMap(({ row, found }) =>
        found?.id && found.device_id !== null
          ? [[row.foldedId, { deviceId: found.device_id, id: found.id, isScrapped: found.scrapped === 1 }]]
          : [],
      ),
    ),
    keyOwners: new Map(asked.flatMap(({ key, found }) => (found?.owner ? [[key, found.owner]] : []))),
    keysElsewhere: new Set(asked.flatMap(({ key, found }) => (found?.elsewhere ? [key] : []))),
    caKeys: new Set(asked.flatMap(({ key, found }) => (found?.taken ? [key] : []))),
    slots: known.length === 0 ? new Map() : await readSlots(transaction, known),
    lost: await transaction.remember(`compromised generations of ${fleetId}`, async () => {
      const lost = await transaction.rows<{ id: number }>(SQL.lost, fleetId);
      return new Set(lost.map(({ id }) => id));
    }),
    revokedKeys: known.length === 0 ? new Set() : await readRevokedKeys(transaction, known),
    peers: await certificatesOfIntents(
      transaction,
      storable.flatMap(({ renews }) => renews?.intentId ?? []),
    ),
  };
}

/** The rules on names and keys: whose ID is it, whose key is it. */
function checkOwnership(record: OnRecord, row: IntentRow, key: string): IntentVerdict | undefined {
  const named = record.devices.get(row.foldedId);
  if (named && named.deviceId !== row.deviceId) return deviceIdTwin(named.deviceId);
  if (record.caKeys.has(key)) return keyOfCa();
  const owner = record.keyOwners.get(key);
  return owner !== undefined && owner !== row.deviceId ? keyOfAnotherDevice(owner) : undefined;
}

/** A device that is scrapped gets nothing, whatever it asks for. */
const checkState = (record: OnRecord, row: IntentRow): IntentVerdict | undefined =>
  record.devices.get(row.foldedId)?.isScrapped ? deviceScrapped() : undefined;

function judgeSlot(record: OnRecord, row: IntentRow, key: string, at: Date): IntentVerdict | undefined {
  const slot = record.slots.get(pairOf(row.deviceId, row.profile));
  if (slot && 'openIn' in slot) return { verdict: 'pending', runId: slot.openIn };
  const judged = { at, lost: record.lost };
  const judge = (standing: StandingKey): IntentVerdict | undefined => {
    if (row.renews)
      return judgeRenewal(row, record.peers.get(row.renews.intentId), standing.certificate, judged);
    return row.made
      ? judgeMadeKey(row, row.made, standing, judged)
      : judgeAgainst(row, standing.certificate, judged);
  };
  const verdict = slot?.standing && judge(slot.standing);
  if (verdict) return verdict;
  const retired = row.supersede === null && record.revokedKeys.has(pairOf(row.deviceId, key));
  return retired ? keyRetired() : undefined;
}

/**
 * Decides on a row; undefined where it wins. Then it has its name, its key and its slot in `record`, so
 * that the next row sees them, and a unit of the token's allowance. See `Ledger.recordIntents`.
 */
export function judgeRow(
  record: OnRecord,
  chunk: IntentChunk,
  row: IntentRow,
  allowance: Allowance | undefined,
): IntentVerdict | undefined {
  const unstorable = checkTexts(row);
  if (unstorable) return unstorable;
  const key = hex(row.keyDigest);
  const verdict =
    checkOwnership(record, row, key) ??
    checkState(record, row) ??
    judgeSlot(record, row, key, chunk.act.at) ??
    allowance?.take();
  if (verdict) return verdict;
  if (!record.devices.has(row.foldedId))
    record.devices.set(row.foldedId, { deviceId: row.deviceId, isScrapped: false });
  record.keyOwners.set(key, row.deviceId);
  record.slots.set(pairOf(row.deviceId, row.profile), { openIn: chunk.runId });
  return undefined;
}
