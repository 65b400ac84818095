import type { ForeignChunk, ForeignRow, ForeignVerdict } from '../ca/index.ts';
import type { Fact, RefusalCode } from '../errors.ts';
import { type ForeignRecord, type Holder, serialKey, slotKey } from './foreign-record.ts';

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

const refused = (
  code: RefusalCode,
  message: string,
  facts: Readonly<Record<string, Fact>> = {},
): ForeignVerdict => ({ verdict: 'refused', code, message, facts });

/** The certificate of a row that was issued before under the same issuer, or its serial. */
function judgeSerial(record: ForeignRecord, row: ForeignRow): ForeignVerdict | undefined {
  const isRevoked = record.certificates.get(hex(row.fingerprint));
  if (isRevoked !== undefined) return { verdict: 'known', isRevoked };
  const key = serialKey(row.issuerId, row.serial);
  if (record.serials.has(key))
    return refused('already-exists', 'The issuer has given this serial to another certificate on record.');
  return record.elsewhere.has(key)
    ? refused('already-exists', 'A CRL that was taken in has revoked this serial, and lists it for good.')
    : undefined;
}

/** The rules on names and keys, as for a request. */
function judgeOwner(record: ForeignRecord, row: ForeignRow): ForeignVerdict | undefined {
  const device = record.devices.get(row.foldedId);
  if (device && device.deviceId !== row.deviceId) {
    const says = 'Another device of the fleet has an ID that differs in case or form alone.';
    return refused('device-id-twin', says, { twin: device.deviceId });
  }
  if (device?.isScrapped)
    return refused('device-scrapped', 'The device is scrapped: take it back before its certificates come.');
  const key = hex(row.keyDigest);
  if (record.caKeys.has(key))
    return refused(
      'key-of-a-ca',
      'The key of the certificate is an authority’s, or one that devices register with.',
    );
  const owner = record.keyOwners.get(key);
  if (owner === undefined || owner === row.deviceId) return undefined;
  const says =
    'The key of the certificate belongs to another device of the fleet: was an image with a key in it copied?';
  return refused('key-of-another-device', says, { owner });
}

const holderOf = ({ devices, holders }: ForeignRecord, row: ForeignRow): Holder | undefined => {
  const id = devices.get(row.foldedId)?.id;
  return id === undefined ? undefined : holders.get(slotKey(id, row.profile));
};

/** A row that is taken in. */
export interface Taken {
  readonly row: ForeignRow;
  /** Another one of its device is the one to go by. */
  readonly isSuperseded: boolean;
  readonly holdsSlot: boolean;
}

export interface JudgedForeign {
  readonly verdicts: readonly ForeignVerdict[];
  readonly taken: readonly Taken[];
  /** Certificates whose slots others hold from now on. */
  readonly displaced: readonly number[];
}

interface Rank {
  readonly revoked: boolean;
  readonly notBefore: number;
  readonly notAfter: number;
}

const rankOf = ({ revocation, notBefore, notAfter }: ForeignRow): Rank => ({
  revoked: revocation !== null,
  notBefore: notBefore.getTime(),
  notAfter: notAfter.getTime(),
});

/** Below zero where the first is the one to go by. */
const compareRank = (one: Rank, other: Rank): number =>
  Number(one.revoked) - Number(other.revoked) ||
  other.notBefore - one.notBefore ||
  other.notAfter - one.notAfter;

/** Of rows of one slot, and what holds it, the one that is to hold it. */
function settleSlot(rows: readonly ForeignRow[], holder: Holder | undefined) {
  const [best] = rows.toSorted((a, b) => compareRank(rankOf(a), rankOf(b)));
  const standing = holder && { ...holder, revoked: holder.revokedAt !== null };
  const wins =
    best !== undefined && (!standing || (standing.isImported && compareRank(rankOf(best), standing) < 0));
  return { winner: wins ? best : undefined, displaced: wins && holder ? holder.intentId : undefined };
}

/** Decides on every row, in order, and which of those that are taken in hold the slots of their devices. */
export function judgeForeignRows({ rows }: ForeignChunk, record: ForeignRecord): JudgedForeign {
  const slots = new Map<string, ForeignRow[]>();
  const verdicts = rows.map((row): ForeignVerdict => {
    const verdict = judgeSerial(record, row) ?? judgeOwner(record, row);
    if (verdict) return verdict;
    if (holderOf(record, row)?.isComplete === false)
      return refused(
        'busy',
        'A request for this device is under way, or was given up: let it have its certificate first.',
      );
    const key = hex(row.keyDigest);
    record.certificates.set(hex(row.fingerprint), row.revocation !== null);
    record.serials.add(serialKey(row.issuerId, row.serial));
    record.keyOwners.set(key, row.deviceId);
    if (!record.devices.has(row.foldedId))
      record.devices.set(row.foldedId, { deviceId: row.deviceId, isScrapped: false });
    const slot = `${row.foldedId}\0${row.profile}`;
    slots.set(slot, [...(slots.get(slot) ?? []), row]);
    return { verdict: 'imported', keyElsewhere: record.keysElsewhere.has(key) };
  });
  const settled = [...slots.values()].map((own) => ({
    own,
    ...settleSlot(own, holderOf(record, own[0] as ForeignRow)),
  }));
  const winners = new Set(settled.flatMap(({ winner }) => winner ?? []));
  const taken = rows
    .filter((_, i) => verdicts[i]?.verdict === 'imported')
    .map((row) => ({
      row,
      holdsSlot: winners.has(row),
      isSuperseded: !winners.has(row) && row.revocation === null,
    }));
  return { verdicts, taken, displaced: settled.flatMap(({ displaced }) => displaced ?? []) };
}
