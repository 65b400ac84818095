import type { Act, Completion, KeptEnvelope } from '../ca/index.ts';
import { type Asking, answer, first } from './asking.ts';
import { appendAudit } from './audit.ts';
import { findCertificate } from './certificates.ts';
import { fleetName } from './fleets.ts';
import { noCertificate } from './refusals.ts';
import { build, type Session } from './session.ts';

const SQL = {
  keep: 'INSERT INTO key_envelope (intent_id, recipient_digest, envelope) VALUES (?, ?, ?)',
  madeKey: `SELECT i.supersede, e.recipient_digest, e.envelope FROM intent i
    LEFT JOIN key_envelope e ON e.intent_id = i.id WHERE i.id = ?`,
  drop: 'DELETE FROM key_envelope WHERE intent_id = ?',
} as const;

/** What is on record of a key that we made, beside its certificate. */
export interface MadeKeyRecord {
  /** The reason of the request that it was made for. */
  readonly supersede: string | null;
  /** null: acknowledged, or gone out in the clear. */
  readonly envelope: KeptEnvelope | null;
}

export interface MadeKeyRow {
  readonly supersede: string | null;
  readonly recipient_digest: Uint8Array | null;
  readonly envelope: Uint8Array | null;
}

export const readMadeKey = ({ supersede, recipient_digest, envelope }: MadeKeyRow): MadeKeyRecord => ({
  supersede,
  envelope: recipient_digest && envelope ? { recipientDigest: recipient_digest, octets: envelope } : null,
});

export const findMadeKey = (session: Session, intentId: number): MadeKeyRecord =>
  readMadeKey(session.prepare(SQL.madeKey).get(intentId) as MadeKeyRow);

/** Keeps the envelopes of what was just completed. */
export function keepEnvelopes(session: Session, issued: readonly Completion[]): void {
  for (const { intentId, envelope } of issued) {
    if (envelope) session.prepare(SQL.keep).run(intentId, envelope.recipientDigest, envelope.octets);
  }
}

/** See `Ledger.findEnvelope`. */
export function* findEnvelope(fingerprint: Uint8Array): Asking<Uint8Array | undefined> {
  const row = yield* first(
    build
      .selectFrom('certificate as c')
      .innerJoin('key_envelope as e', 'e.intent_id', 'c.intent_id')
      .select('e.envelope')
      .where('c.fingerprint', '=', fingerprint),
  );
  return row?.envelope;
}

/** See `Ledger.acknowledgeKey`. */
export function acknowledgeKey(session: Session, act: Act, fingerprint: Uint8Array): void {
  const certificate = answer(session, findCertificate(fingerprint));
  if (!certificate) throw noCertificate();
  const { changes } = session.prepare(SQL.drop).run(certificate.intentId);
  if (changes === 0) return;
  appendAudit(session, act, {
    action: 'key-acknowledged',
    fleet: fleetName(session, certificate.fleetId),
    details: {
      certificate: Buffer.from(fingerprint).toString('hex'),
      deviceId: certificate.deviceId,
    },
  });
}
