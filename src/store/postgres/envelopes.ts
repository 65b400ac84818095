import type { Act, Completion } from '../../ca/index.ts';
import { findCertificate } from '../certificates.ts';
import { type MadeKeyRecord, type MadeKeyRow, readMadeKey } from '../envelopes.ts';
import { noCertificate } from '../refusals.ts';
import { fleetName } from './fleets.ts';
import type { Transaction } from './transaction.ts';

const SQL = {
  keep: `INSERT INTO key_envelope (intent_id, recipient_digest, envelope)
    SELECT w.id, w.digest, w.envelope FROM unnest($1::bigint[], $2::bytea[], $3::bytea[]) AS w (id, digest, envelope)
    ORDER BY w.id`,
  madeKeys: `SELECT i.id, i.supersede, e.recipient_digest, e.envelope FROM unnest($1::bigint[]) AS w (id)
    CROSS JOIN LATERAL (SELECT * FROM intent WHERE id = w.id LIMIT 1) AS i
    LEFT JOIN LATERAL (SELECT * FROM key_envelope WHERE intent_id = w.id LIMIT 1) AS e ON true`,
  drop: 'DELETE FROM key_envelope WHERE intent_id = $1',
} as const;

/** What is on record of keys that we made, by the intent. */
export async function findMadeKeys(
  transaction: Transaction,
  intentIds: readonly number[],
): Promise<ReadonlyMap<number, MadeKeyRecord>> {
  if (intentIds.length === 0) return new Map();
  const rows = await transaction.rows<MadeKeyRow & { readonly id: number }>(SQL.madeKeys, intentIds);
  return new Map(rows.map((row) => [row.id, readMadeKey(row)]));
}

/** Keeps the envelopes of what was just completed. */
export async function keepEnvelopes(transaction: Transaction, issued: readonly Completion[]): Promise<void> {
  const kept = issued.flatMap(({ intentId, envelope }) => (envelope ? [{ intentId, ...envelope }] : []));
  if (kept.length === 0) return;
  await transaction.change(
    SQL.keep,
    kept.map(({ intentId }) => intentId),
    kept.map(({ recipientDigest }) => recipientDigest),
    kept.map(({ octets }) => octets),
  );
}

/** See `Ledger.acknowledgeKey`. */
export async function acknowledgeKey(
  transaction: Transaction,
  act: Act,
  fingerprint: Uint8Array,
): Promise<void> {
  const certificate = await transaction.answer(findCertificate(fingerprint));
  if (!certificate) throw noCertificate();
  if ((await transaction.change(SQL.drop, certificate.intentId)) === 0) return;
  await transaction.appendAudit(act, {
    action: 'key-acknowledged',
    fleet: await fleetName(transaction, certificate.fleetId),
    details: {
      certificate: Buffer.from(fingerprint).toString('hex'),
      deviceId: certificate.deviceId,
    },
  });
}
