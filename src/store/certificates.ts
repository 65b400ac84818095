import type { Act, Device, DeviceState, RevokeOld, StoredCertificate } from '../ca/index.ts';
import { foldDeviceId } from '../policy/index.ts';
import { type Asking, all, answer, first } from './asking.ts';
import { appendAudit } from './audit.ts';
import { fleetName } from './fleets.ts';
import { compromisedKey, noCertificate, noKey } from './refusals.ts';
import { insertRevocation, targetOf } from './revocations.ts';
import { build, type Session } from './session.ts';

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

export interface CertificateRow {
  intent_id: number;
  fingerprint: Uint8Array;
  der: Uint8Array;
  serial: Uint8Array;
  fleet_id: number;
  device_id: string;
  profile: string;
  issuer_id: number;
  key_digest: Uint8Array;
  generated: number;
  imported: number;
  not_before: number;
  not_after: number;
  labels: string | null;
  batch_id: string | null;
  actor_id: string;
  issued_at: number;
  superseded_at: number | null;
  revoked_at: number | null;
  revocation_reason: string | null;
  supersede: string | null;
  revoke_old: string | null;
  renews: number | null;
  renewed: Uint8Array | null;
  seen_at: number | null;
}

const instant = (value: number | null): Date | null => (value === null ? null : new Date(value));

export const readCertificate = (row: CertificateRow): StoredCertificate => ({
  intentId: row.intent_id,
  fingerprint: row.fingerprint,
  der: row.der,
  serial: row.serial,
  fleetId: row.fleet_id,
  deviceId: row.device_id,
  profile: row.profile,
  issuerId: row.issuer_id,
  keyDigest: row.key_digest,
  made: row.generated === 1,
  imported: row.imported === 1,
  notBefore: new Date(row.not_before),
  notAfter: new Date(row.not_after),
  labels: row.labels,
  issuedAt: new Date(row.issued_at),
  batchId: row.batch_id,
  tokenId: row.actor_id,
  supersededAt: instant(row.superseded_at),
  revokedAt: instant(row.revoked_at),
  revocationReason: row.revocation_reason,
  supersede: row.supersede,
  revokeOld: row.revoke_old as RevokeOld | null,
  renews:
    row.renews === null || row.renewed === null
      ? null
      : { intentId: row.renews, certificate: hex(row.renewed) },
  seenAt: instant(row.seen_at),
});

export const selectCertificate = build
  .selectFrom('certificate as c')
  .innerJoin('intent as i', 'i.id', 'c.intent_id')
  .innerJoin('intent_chunk as k', 'k.id', 'i.chunk_id')
  .innerJoin('profile_version as v', 'v.id', 'i.profile_id')
  .innerJoin('device as d', 'd.id', 'i.device')
  .leftJoin('certificate as p', 'p.intent_id', 'i.renews')
  .leftJoin('sighting as s', 's.intent_id', 'c.intent_id')
  .select([
    'c.intent_id',
    'c.fingerprint',
    'c.der',
    'i.serial',
    'd.fleet_id',
    'd.device_id',
    'v.name as profile',
    'i.issuer_id',
    'i.key_digest',
    'i.generated',
    'i.not_before',
    'i.not_after',
    'i.labels',
    'k.batch_id',
    'k.actor_id',
    'k.imported',
    'c.issued_at',
    'c.superseded_at',
    'c.revoked_at',
    'c.revocation_reason',
    'i.supersede',
    'i.revoke_old',
    'i.renews',
    'p.fingerprint as renewed',
    's.seen_at',
  ]);

const byIntent = selectCertificate.where('c.intent_id', '=', 0).compile().sql;

/** The certificate that completed an intent. */
export function certificateOfIntent(session: Session, intentId: number): StoredCertificate | undefined {
  const row = session.prepare(byIntent).get(intentId) as CertificateRow | undefined;
  return row && readCertificate(row);
}

export function* findCertificate(fingerprint: Uint8Array): Asking<StoredCertificate | undefined> {
  const row = yield* first(selectCertificate.where('c.fingerprint', '=', fingerprint));
  return row && readCertificate(row);
}

/** (issuer, serial) is the index, so each issuer is asked; there are as many as authorities. */
export function findCertificatesBySerial(session: Session, serial: Uint8Array): readonly StoredCertificate[] {
  const issuers = session.all(build.selectFrom('generation').select('id'));
  return issuers.flatMap(({ id }) => {
    const row = session.first(selectCertificate.where('i.issuer_id', '=', id).where('i.serial', '=', serial));
    return row ? [readCertificate(row)] : [];
  });
}

interface DeviceRow {
  readonly device_id: string;
  readonly created_at: number;
  readonly scrapped: number;
}

const stateOf = ({ scrapped }: DeviceRow): DeviceState => (scrapped === 1 ? 'scrapped' : 'active');

const readDevice = (fleetId: number, row: DeviceRow): Device => ({
  fleetId,
  deviceId: row.device_id,
  createdAt: new Date(row.created_at),
  state: stateOf(row),
});

/** Devices are filed under the folded ID; it is another device where the ID itself differs. */
export function* deviceRow(fleetId: number, deviceId: string) {
  const row = yield* first(
    build
      .selectFrom('device')
      .select(['id', 'device_id', 'created_at', 'scrapped'])
      .where('fleet_id', '=', fleetId)
      .where('folded_id', '=', foldDeviceId(deviceId)),
  );
  return row?.device_id === deviceId ? row : undefined;
}

export function* findDevice(fleetId: number, deviceId: string): Asking<Device | undefined> {
  const row = yield* deviceRow(fleetId, deviceId);
  return row && readDevice(fleetId, row);
}

export function* listDevices(fleetId: number, after: string, limit: number): Asking<readonly Device[]> {
  const rows = yield* all(
    build
      .selectFrom('device')
      .select(['device_id', 'created_at', 'scrapped'])
      .where('fleet_id', '=', fleetId)
      .where('folded_id', '>', foldDeviceId(after))
      .orderBy('folded_id')
      .limit(limit),
  );
  return rows.map((row) => readDevice(fleetId, row));
}

export function* listDeviceCertificates(
  fleetId: number,
  deviceId: string,
  limit: number,
): Asking<readonly StoredCertificate[]> {
  const device = yield* deviceRow(fleetId, deviceId);
  if (!device) return [];
  const rows = yield* all(
    selectCertificate.where('i.device', '=', device.id).orderBy('i.id', 'desc').limit(limit),
  );
  return rows.map(readCertificate);
}

export function markRevoked(
  session: Session,
  act: Act,
  fingerprint: Uint8Array,
  reason: string,
): StoredCertificate {
  const certificate = answer(session, findCertificate(fingerprint));
  if (!certificate) throw noCertificate();
  if (certificate.revokedAt !== null) return certificate;
  const audit = appendAudit(session, act, {
    action: 'certificate-revoked',
    fleet: fleetName(session, certificate.fleetId),
    details: {
      certificate: hex(fingerprint),
      serial: hex(certificate.serial),
      deviceId: certificate.deviceId,
      reason,
    },
  });
  const mark = { revoked_at: act.at.getTime(), revocation_reason: reason, revoked_audit_seq: audit };
  session.run(build.updateTable('certificate').set(mark).where('intent_id', '=', certificate.intentId));
  session.run(insertRevocation(targetOf(certificate), act.at, reason, audit));
  return { ...certificate, revokedAt: act.at, revocationReason: reason };
}

/** Notes whose a key was, so that what was issued for it is found by it. */
export const releasedKey = (fleetId: number, keyDigest: Uint8Array, device: number) =>
  build
    .insertInto('released_key')
    .values({ key_digest: keyDigest, fleet_id: fleetId, device })
    .onConflict((conflict) => conflict.doNothing());

/** The device of a fleet that has a key. */
const deviceOfKey = (fleetId: number, keyDigest: Uint8Array) =>
  build
    .selectFrom('device_key as k')
    .innerJoin('device as d', 'd.id', 'k.device')
    .select(['d.device_id', 'd.created_at', 'd.scrapped'])
    .where('k.key_digest', '=', keyDigest)
    .where('k.fleet_id', '=', fleetId);

export function* findDeviceOfKey(fleetId: number, keyDigest: Uint8Array): Asking<Device | undefined> {
  const row = yield* first(deviceOfKey(fleetId, keyDigest));
  return row && readDevice(fleetId, row);
}

/** Refuses `key-retired` where a certificate that the device has for the key was revoked for keyCompromise. */
export function* verifyNotCompromised(device: number, keyDigest: Uint8Array): Asking<void> {
  const revoked = yield* first(
    build
      .selectFrom('intent as i')
      .innerJoin('certificate as c', 'c.intent_id', 'i.id')
      .select('i.id')
      .where('i.device', '=', device)
      .where('i.key_digest', '=', keyDigest)
      .where('c.revocation_reason', '=', 'keyCompromise')
      .limit(1),
  );
  if (revoked) throw compromisedKey();
}

export function releaseKey(
  session: Session,
  act: Act,
  fleetId: number,
  keyDigest: Uint8Array,
  reason: string,
): void {
  const owner = session.first(
    build
      .deleteFrom('device_key')
      .where('fleet_id', '=', fleetId)
      .where('key_digest', '=', keyDigest)
      .returning('device'),
  );
  if (!owner) throw noKey();
  answer(session, verifyNotCompromised(owner.device, keyDigest));
  session.run(releasedKey(fleetId, keyDigest, owner.device));
  const details = { keyDigest: hex(keyDigest), reason };
  appendAudit(session, act, { action: 'key-released', fleet: fleetName(session, fleetId), details });
}
