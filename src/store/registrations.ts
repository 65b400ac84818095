import { createHash } from 'node:crypto';
import type { Selectable } from 'kysely';
import type { Act, Registration, RegistrationIntent } from '../ca/index.ts';
import { type Asking, all, answer, first } from './asking.ts';
import { appendAudit } from './audit.ts';
import { fleetName } from './fleets.ts';
import { claimCaKey } from './generations.ts';
import { noRegistration } from './refusals.ts';
import type { Schema } from './schema.ts';
import { build, type Session } from './session.ts';
import { verifyClock } from './verify-clock.ts';

type Row = Selectable<Schema['registration_credential']>;

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');
const sha256 = (octets: Uint8Array): Uint8Array => createHash('sha256').update(octets).digest();

const read = (row: Row): Registration => ({
  id: row.id,
  fleetId: row.fleet_id,
  name: row.name,
  maxDevices: row.max_devices,
  authority: row.authority,
  profile: row.profile,
  issuerId: row.issuer_id,
  serial: row.serial,
  keyDigest: row.key_digest,
  tbsDigest: row.tbs_digest,
  notBefore: new Date(row.not_before),
  notAfter: new Date(row.not_after),
  fingerprint: row.fingerprint ?? new Uint8Array(0),
  certificate: row.certificate ?? new Uint8Array(0),
  createdAt: new Date(row.created_at),
  registered: row.spent,
  revokedAt: row.revoked_at === null ? null : new Date(row.revoked_at),
  revocationReason: row.revocation_reason,
});

/** The row of an intent. */
export const registrationRow = (act: Act, runId: string, intent: RegistrationIntent, auditSeq: number) => ({
  id: intent.id,
  fleet_id: intent.fleetId,
  name: intent.name,
  authority: intent.authority,
  profile: intent.profile,
  issuer_id: intent.issuerId,
  serial: intent.serial,
  key_digest: intent.keyDigest,
  tbs_digest: intent.tbsDigest,
  not_before: intent.notBefore.getTime(),
  not_after: intent.notAfter.getTime(),
  run_id: runId,
  created_at: act.at.getTime(),
  fingerprint: null,
  certificate: null,
  max_devices: intent.maxDevices,
  revoked_at: null,
  revocation_reason: null,
  audit_seq: auditSeq,
  issued_audit_seq: null,
  revoked_audit_seq: null,
});

/** What the entry of an intent says; the verifier compares it with the row. */
export const registrationDetails = (
  row: Pick<
    Row,
    | 'id'
    | 'name'
    | 'max_devices'
    | 'authority'
    | 'profile'
    | 'issuer_id'
    | 'serial'
    | 'key_digest'
    | 'tbs_digest'
    | 'not_before'
    | 'not_after'
    | 'run_id'
  >,
) => ({
  id: row.id,
  name: row.name,
  maxDevices: row.max_devices,
  authority: row.authority,
  profile: row.profile,
  issuer: row.issuer_id,
  serial: hex(row.serial),
  keyDigest: hex(row.key_digest),
  tbsDigest: hex(row.tbs_digest),
  notBefore: new Date(row.not_before).toISOString(),
  notAfter: new Date(row.not_after).toISOString(),
  run: row.run_id,
});

export const issuedDetails = (id: string, certificate: Uint8Array) => ({
  id,
  certificate: hex(sha256(certificate)),
});

const select = build.selectFrom('registration_credential').selectAll().where('certificate', 'is not', null);

export function* findRegistration(fingerprint: Uint8Array): Asking<Registration | undefined> {
  const row = yield* first(select.where('fingerprint', '=', fingerprint));
  return row && read(row);
}

export function* findRegistrationById(id: string): Asking<Registration | undefined> {
  const row = yield* first(select.where('id', '=', id));
  return row && read(row);
}

export function* listRegistrations(
  fleetId: number,
  after: string,
  limit: number,
): Asking<readonly Registration[]> {
  const rows = yield* all(
    select.where('fleet_id', '=', fleetId).where('id', '>', after).orderBy('id').limit(limit),
  );
  return rows.map(read);
}

export function recordRegistrationIntent(
  session: Session,
  act: Act,
  runId: string,
  intent: RegistrationIntent,
): void {
  verifyClock(session, act.at);
  claimCaKey(session, intent.keyDigest, intent.issuerId);
  const auditSeq = appendAudit(session, act, {
    action: 'registration-intent-recorded',
    fleet: fleetName(session, intent.fleetId),
    details: registrationDetails(registrationRow(act, runId, intent, 0)),
  });
  session.run(
    build.insertInto('registration_credential').values(registrationRow(act, runId, intent, auditSeq)),
  );
}

/** Completes an open intent of a run. */
export const completeRegistration = (id: string, runId: string, certificate: Uint8Array, auditSeq: number) =>
  build
    .updateTable('registration_credential')
    .set({ certificate, fingerprint: sha256(certificate), issued_audit_seq: auditSeq })
    .where('id', '=', id)
    .where('run_id', '=', runId)
    .where('certificate', 'is', null)
    .where('abandoned', '=', 0);

const fleetOf = (id: string) =>
  build.selectFrom('registration_credential').select('fleet_id').where('id', '=', id);

/** The fleet of credentials; fails where there are none. */
export function* fleetIdOf(id: string): Asking<number> {
  const row = yield* first(fleetOf(id));
  if (!row) throw new Error(`there are no registration credentials ${id}`);
  return row.fleet_id;
}

export function recordRegistrationIssued(
  session: Session,
  act: Act,
  runId: string,
  id: string,
  certificate: Uint8Array,
): Registration {
  const fleet = fleetName(session, answer(session, fleetIdOf(id)));
  const details = issuedDetails(id, certificate);
  const auditSeq = appendAudit(session, act, { action: 'registration-issued', fleet, details });
  const { changes } = session.run(completeRegistration(id, runId, certificate, auditSeq));
  if (changes !== 1) throw new Error(`registration credentials ${id} have no open intent of this run`);
  return answer(session, findRegistrationById(id)) as Registration;
}

export const markRegistrationRevoked = (act: Act, id: string, reason: string, auditSeq: number) =>
  build
    .updateTable('registration_credential')
    .set({ revoked_at: act.at.getTime(), revocation_reason: reason, revoked_audit_seq: auditSeq })
    .where('id', '=', id);

export function revokeRegistration(session: Session, act: Act, id: string, reason: string): Registration {
  const found = answer(session, findRegistrationById(id));
  if (!found) throw noRegistration();
  if (found.revokedAt !== null) return found;
  const fleet = fleetName(session, found.fleetId);
  const auditSeq = appendAudit(session, act, {
    action: 'registration-revoked',
    fleet,
    details: { id, reason },
  });
  session.run(markRegistrationRevoked(act, id, reason, auditSeq));
  return answer(session, findRegistrationById(id)) as Registration;
}

/** Open intents of this run (`=`), or of all others (`<>`). */
export const openRegistrations = (whose: '=' | '<>', runId: string) =>
  build
    .selectFrom('registration_credential')
    .select('id')
    .where('certificate', 'is', null)
    .where('abandoned', '=', 0)
    .where('run_id', whose, runId)
    .orderBy('id');

export const giveUpRegistration = (id: string) =>
  build.updateTable('registration_credential').set({ abandoned: 1 }).where('id', '=', id);

/** Gives up what runs left open: nobody has the key. */
export function abandonRegistrations(session: Session, act: Act, whose: '=' | '<>', runId: string): void {
  const credentials = session.all(openRegistrations(whose, runId)).map(({ id }) => id);
  if (credentials.length === 0) return;
  appendAudit(session, act, { action: 'registrations-abandoned', fleet: null, details: { credentials } });
  for (const id of credentials) session.run(giveUpRegistration(id));
}
