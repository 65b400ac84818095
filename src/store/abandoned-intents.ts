import type { AbandonedIntent, Act } from '../ca/index.ts';
import { type Asking, all, answer, first } from './asking.ts';
import { appendAudit } from './audit.ts';
import { fleetName } from './fleets.ts';
import { noIntent } from './refusals.ts';
import { insertRevocation } from './revocations.ts';
import { build, type Session } from './session.ts';

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

const select = build
  .selectFrom('intent as i')
  .innerJoin('intent_chunk as k', 'k.id', 'i.chunk_id')
  .innerJoin('generation as g', 'g.id', 'i.issuer_id')
  .leftJoin('device as d', 'd.id', 'i.device')
  .leftJoin('revocation as r', (join) =>
    join.onRef('r.issuer_id', '=', 'i.issuer_id').onRef('r.serial', '=', 'i.serial'),
  )
  .select(['i.id', 'i.issuer_id', 'i.serial', 'i.not_after', 'g.fleet_id', 'd.device_id', 'k.created_at'])
  .select(['k.batch_id', 'r.revoked_at', 'r.reason'])
  .where('i.abandoned', '=', 1);

type Row = Awaited<ReturnType<typeof select.execute>>[number];

const read = (row: Row): AbandonedIntent => ({
  intentId: row.id,
  fleetId: row.fleet_id,
  issuerId: row.issuer_id,
  serial: row.serial,
  deviceId: row.device_id,
  batchId: row.batch_id,
  notAfter: new Date(row.not_after),
  recordedAt: new Date(row.created_at),
  revokedAt: row.revoked_at === null ? null : new Date(row.revoked_at),
  revocationReason: row.reason,
});

/** An intent that was given up, as far as revoking its serial needs it. */
export type AbandonedRow = Pick<AbandonedIntent, 'intentId' | 'serial'>;

/** Those of an issuer that carry one of some serials. */
export function* abandonedWithSerials(
  issuerId: number,
  serials: Uint8Array[],
): Asking<readonly AbandonedRow[]> {
  const rows = yield* all(select.where('i.issuer_id', '=', issuerId).where('i.serial', 'in', serials));
  return rows.map(read);
}

/** (issuer, serial) is the index: each authority of the fleet is asked. */
export function* findAbandoned(fleetId: number, serial: Uint8Array): Asking<readonly AbandonedIntent[]> {
  const rows = yield* all(
    select.where('g.fleet_id', '=', fleetId).where('i.serial', '=', serial).orderBy('i.id'),
  );
  return rows.map(read);
}

export function* listAbandoned(
  fleetId: number,
  after: number,
  limit: number,
): Asking<readonly AbandonedIntent[]> {
  const rows = yield* all(
    select.where('g.fleet_id', '=', fleetId).where('i.id', '>', after).orderBy('i.id').limit(limit),
  );
  return rows.map(read);
}

/** The intent, which was given up. Rejects with `not-found`. */
export function* getAbandoned(intentId: number): Asking<AbandonedIntent> {
  const row = yield* first(select.where('i.id', '=', intentId));
  if (!row) throw noIntent();
  return read(row);
}

/** What the entry says; the verifier compares it with the row. */
export const serialDetails = (
  intent: Pick<AbandonedIntent, 'intentId' | 'issuerId' | 'serial' | 'deviceId'>,
  reason: string,
) => ({
  intent: intent.intentId,
  issuer: intent.issuerId,
  serial: hex(intent.serial),
  deviceId: intent.deviceId,
  reason,
});

export const insertSerial = (intent: AbandonedIntent, at: Date, reason: string, auditSeq: number) =>
  insertRevocation(
    {
      intent_id: intent.intentId,
      issuer_id: intent.issuerId,
      serial: intent.serial,
      not_after: intent.notAfter.getTime(),
    },
    at,
    reason,
    auditSeq,
  );

/** See `RevocationLedger.revokeAbandoned`. */
export function revokeAbandoned(
  session: Session,
  act: Act,
  intentId: number,
  reason: string,
): AbandonedIntent {
  const intent = answer(session, getAbandoned(intentId));
  if (intent.revokedAt !== null) return intent;
  const auditSeq = appendAudit(session, act, {
    action: 'serial-revoked',
    fleet: fleetName(session, intent.fleetId),
    details: serialDetails(intent, reason),
  });
  session.run(insertSerial(intent, act.at, reason, auditSeq));
  return { ...intent, revokedAt: act.at, revocationReason: reason };
}
