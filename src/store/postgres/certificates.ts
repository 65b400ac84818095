import type { Act, StoredCertificate } from '../../ca/index.ts';
import {
  type CertificateRow,
  findCertificate,
  readCertificate,
  releasedKey,
  verifyNotCompromised,
} from '../certificates.ts';
import { noCertificate, noKey } from '../refusals.ts';
import { insertRevocation, targetOf } from '../revocations.ts';
import { build } from '../session.ts';
import { fleetName } from './fleets.ts';
import type { PostgresSession } from './session.ts';
import type { Transaction } from './transaction.ts';

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

const COLUMNS = `c.intent_id, c.fingerprint, c.der, i.serial, d.fleet_id, d.device_id, v.name AS profile, i.issuer_id,
  i.key_digest, i.generated, i.not_before, i.not_after, i.labels, k.batch_id, k.actor_id, c.issued_at, c.superseded_at, c.revoked_at, c.revocation_reason,
  i.supersede, i.revoke_old, i.renews, r.fingerprint AS renewed, s.seen_at`;

const BESIDE = `LEFT JOIN certificate r ON r.intent_id = i.renews LEFT JOIN sighting s ON s.intent_id = c.intent_id`;

const SQL = {
  // The one before limits what is searched; without the limit the planner may read all intents.
  ofIntents: `SELECT ${COLUMNS} FROM unnest($1::bigint[]) AS w (id)
    CROSS JOIN LATERAL (SELECT * FROM certificate WHERE intent_id = w.id LIMIT 1) AS c
    JOIN intent i ON i.id = c.intent_id JOIN intent_chunk k ON k.id = i.chunk_id
    JOIN profile_version v ON v.id = i.profile_id JOIN device d ON d.id = i.device ${BESIDE}`,
  // (issuer, serial) is the index, so each issuer is asked; there are as many as authorities.
  bySerial: `SELECT ${COLUMNS} FROM generation g
    CROSS JOIN LATERAL (SELECT * FROM intent WHERE issuer_id = g.id AND serial = $1 LIMIT 1) AS i
    JOIN certificate c ON c.intent_id = i.id JOIN intent_chunk k ON k.id = i.chunk_id
    JOIN profile_version v ON v.id = i.profile_id JOIN device d ON d.id = i.device ${BESIDE} ORDER BY g.id`,
} as const;

/** The certificates that completed some intents, by the intent. */
export async function certificatesOfIntents(
  session: PostgresSession,
  intentIds: readonly number[],
): Promise<ReadonlyMap<number, StoredCertificate>> {
  if (intentIds.length === 0) return new Map();
  const rows = await session.rows<CertificateRow>(SQL.ofIntents, intentIds);
  return new Map(rows.map((row) => [row.intent_id, readCertificate(row)]));
}

export async function findCertificatesBySerial(
  session: PostgresSession,
  serial: Uint8Array,
): Promise<readonly StoredCertificate[]> {
  return (await session.rows<CertificateRow>(SQL.bySerial, serial)).map(readCertificate);
}

export async function markRevoked(
  transaction: Transaction,
  act: Act,
  fingerprint: Uint8Array,
  reason: string,
): Promise<StoredCertificate> {
  const certificate = await transaction.answer(findCertificate(fingerprint));
  if (!certificate) throw noCertificate();
  if (certificate.revokedAt !== null) return certificate;
  const audit = await transaction.appendAudit(act, {
    action: 'certificate-revoked',
    fleet: await fleetName(transaction, certificate.fleetId),
    details: {
      certificate: hex(fingerprint),
      serial: hex(certificate.serial),
      deviceId: certificate.deviceId,
      reason,
    },
  });
  const mark = { revoked_at: act.at.getTime(), revocation_reason: reason, revoked_audit_seq: audit };
  await transaction.run(
    build.updateTable('certificate').set(mark).where('intent_id', '=', certificate.intentId),
  );
  await transaction.run(insertRevocation(targetOf(certificate), act.at, reason, audit));
  return { ...certificate, revokedAt: act.at, revocationReason: reason };
}

export async function releaseKey(
  transaction: Transaction,
  act: Act,
  fleetId: number,
  keyDigest: Uint8Array,
  reason: string,
): Promise<void> {
  const owner = await transaction.first(
    build
      .deleteFrom('device_key')
      .where('fleet_id', '=', fleetId)
      .where('key_digest', '=', keyDigest)
      .returning('device'),
  );
  if (!owner) throw noKey();
  await transaction.answer(verifyNotCompromised(owner.device, keyDigest));
  await transaction.run(releasedKey(fleetId, keyDigest, owner.device));
  const details = { keyDigest: hex(keyDigest), reason };
  const fleet = await fleetName(transaction, fleetId);
  await transaction.appendAudit(act, { action: 'key-released', fleet, details });
}
