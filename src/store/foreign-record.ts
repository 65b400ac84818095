import type { ForeignChunk } from '../ca/index.ts';
import { type Asking, all } from './asking.ts';
import { build } from './session.ts';

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

/** Rows that one command takes, at most. */
export const MOST_FOREIGN = 500;

/** A statement has one text however many are asked for: the last stands for those that are missing. */
const pad = <T>(values: readonly T[]): T[] =>
  Array.from({ length: MOST_FOREIGN }, (_, i) => values[i] ?? (values.at(-1) as T));

/** What stands in a slot. */
export interface Holder {
  readonly intentId: number;
  readonly isImported: boolean;
  /** False while the request is under way, or after it was given up. */
  readonly isComplete: boolean;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly revokedAt: number | null;
}

export interface KnownDevice {
  readonly deviceId: string;
  /** Absent of one that the chunk makes. */
  readonly id?: number;
  readonly isScrapped: boolean;
}

/** The ledger as far as a chunk asks about it, with what rows before have changed. */
export interface ForeignRecord {
  /** Fingerprint, hex, to whether it is revoked. */
  readonly certificates: Map<string, boolean>;
  /** Issuer and serial that are in use. */
  readonly serials: Set<string>;
  /** Issuer and serial that a CRL has revoked. */
  readonly elsewhere: ReadonlySet<string>;
  /** By folded ID. */
  readonly devices: Map<string, KnownDevice>;
  /** Device ID by key digest, hex. */
  readonly keyOwners: Map<string, string>;
  readonly keysElsewhere: ReadonlySet<string>;
  readonly caKeys: ReadonlySet<string>;
  /** By the number of the device and the profile. */
  readonly holders: ReadonlyMap<string, Holder>;
}

export const serialKey = (issuerId: number, serial: Uint8Array): string => `${issuerId} ${hex(serial)}`;
export const slotKey = (device: number, profile: string): string => `${device} ${profile}`;

function* readSerials({ rows }: ForeignChunk): Asking<{ used: Set<string>; elsewhere: Set<string> }> {
  const used = new Set<string>();
  const elsewhere = new Set<string>();
  for (const issuerId of new Set(rows.map((row) => row.issuerId))) {
    const serials = pad(rows.filter((row) => row.issuerId === issuerId).map(({ serial }) => serial));
    const own = build.selectFrom('intent').select('serial').where('issuer_id', '=', issuerId);
    for (const { serial } of yield* all(own.where('serial', 'in', serials)))
      used.add(serialKey(issuerId, serial));
    const listed = build
      .selectFrom('revocation_elsewhere')
      .select('serial')
      .where('issuer_id', '=', issuerId);
    for (const { serial } of yield* all(listed.where('serial', 'in', serials)))
      elsewhere.add(serialKey(issuerId, serial));
  }
  return { used, elsewhere };
}

function* readHolders(devices: readonly number[]): Asking<Map<string, Holder>> {
  if (devices.length === 0) return new Map();
  const rows = yield* all(
    build
      .selectFrom('slot as s')
      .innerJoin('intent as i', 'i.id', 's.intent_id')
      .innerJoin('intent_chunk as k', 'k.id', 'i.chunk_id')
      .leftJoin('certificate as c', 'c.intent_id', 'i.id')
      .select(['s.device', 's.profile', 's.intent_id', 'k.imported', 'i.not_before', 'i.not_after'])
      .select(['c.intent_id as completed', 'c.revoked_at'])
      .where('s.device', 'in', pad(devices)),
  );
  return new Map(
    rows.map((row) => [
      slotKey(row.device, row.profile),
      {
        intentId: row.intent_id,
        isImported: row.imported === 1,
        isComplete: row.completed !== null,
        notBefore: row.not_before,
        notAfter: row.not_after,
        revokedAt: row.revoked_at,
      },
    ]),
  );
}

/** What is on record about the rows of a chunk, in a few statements whatever its length. */
export function* readForeignRecord(chunk: ForeignChunk): Asking<ForeignRecord> {
  const { rows, fleetId } = chunk;
  if (rows.length > MOST_FOREIGN) throw new Error(`${rows.length} certificates in one command`);
  const fingerprints = pad(rows.map(({ fingerprint }) => fingerprint));
  const certificates = yield* all(
    build
      .selectFrom('certificate')
      .select(['fingerprint', 'revoked_at'])
      .where('fingerprint', 'in', fingerprints),
  );
  const { used, elsewhere } = yield* readSerials(chunk);
  const named = yield* all(
    build
      .selectFrom('device')
      .select(['id', 'device_id', 'folded_id', 'scrapped'])
      .where('fleet_id', '=', fleetId)
      .where('folded_id', 'in', pad(rows.map(({ foldedId }) => foldedId))),
  );
  const digests = pad(rows.map(({ keyDigest }) => keyDigest));
  const owners = yield* all(
    build
      .selectFrom('device_key as k')
      .innerJoin('device as d', 'd.id', 'k.device')
      .select(['k.key_digest', 'k.fleet_id', 'd.device_id'])
      .where('k.key_digest', 'in', digests),
  );
  const caKeys = yield* all(
    build.selectFrom('ca_key').select('key_digest').where('key_digest', 'in', digests),
  );
  const own = owners.filter((owner) => owner.fleet_id === fleetId);
  return {
    certificates: new Map(certificates.map((one) => [hex(one.fingerprint), one.revoked_at !== null])),
    serials: used,
    elsewhere,
    devices: new Map(
      named.map((one) => [
        one.folded_id,
        { deviceId: one.device_id, id: one.id, isScrapped: one.scrapped === 1 },
      ]),
    ),
    keyOwners: new Map(own.map((one) => [hex(one.key_digest), one.device_id])),
    keysElsewhere: new Set(
      owners.filter((one) => one.fleet_id !== fleetId).map((one) => hex(one.key_digest)),
    ),
    caKeys: new Set(caKeys.map((one) => hex(one.key_digest))),
    holders: yield* readHolders(named.map(({ id }) => id)),
  };
}
