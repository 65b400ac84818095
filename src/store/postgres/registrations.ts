import type { Act, Registration, RegistrationIntent } from '../../ca/index.ts';
import { noRegistration } from '../refusals.ts';
import {
  completeRegistration,
  findRegistrationById,
  fleetIdOf,
  giveUpRegistration,
  issuedDetails,
  markRegistrationRevoked,
  openRegistrations,
  registrationDetails,
  registrationRow,
} from '../registrations.ts';
import { build } from '../session.ts';
import { fleetName } from './fleets.ts';
import { claimCaKey } from './generations.ts';
import type { Transaction } from './transaction.ts';

export async function recordRegistrationIntent(
  transaction: Transaction,
  act: Act,
  runId: string,
  intent: RegistrationIntent,
): Promise<void> {
  transaction.verifyClock(act.at);
  await claimCaKey(transaction, intent.keyDigest, intent.issuerId);
  const auditSeq = await transaction.appendAudit(act, {
    action: 'registration-intent-recorded',
    fleet: await fleetName(transaction, intent.fleetId),
    details: registrationDetails(registrationRow(act, runId, intent, 0)),
  });
  await transaction.run(
    build.insertInto('registration_credential').values(registrationRow(act, runId, intent, auditSeq)),
  );
}

/** Credentials that are known to be there. */
async function getRegistration(transaction: Transaction, id: string): Promise<Registration> {
  const found = await transaction.answer(findRegistrationById(id));
  if (!found) throw new Error(`registration credentials ${id} were written and are not there`);
  return found;
}

export async function recordRegistrationIssued(
  transaction: Transaction,
  act: Act,
  runId: string,
  id: string,
  certificate: Uint8Array,
): Promise<Registration> {
  const fleet = await fleetName(transaction, await transaction.answer(fleetIdOf(id)));
  const details = issuedDetails(id, certificate);
  const auditSeq = await transaction.appendAudit(act, { action: 'registration-issued', fleet, details });
  const changes = await transaction.run(completeRegistration(id, runId, certificate, auditSeq));
  if (changes !== 1) throw new Error(`registration credentials ${id} have no open intent of this run`);
  return getRegistration(transaction, id);
}

export async function revokeRegistration(
  transaction: Transaction,
  act: Act,
  id: string,
  reason: string,
): Promise<Registration> {
  const found = await transaction.answer(findRegistrationById(id));
  if (!found) throw noRegistration();
  if (found.revokedAt !== null) return found;
  const fleet = await fleetName(transaction, found.fleetId);
  const auditSeq = await transaction.appendAudit(act, {
    action: 'registration-revoked',
    fleet,
    details: { id, reason },
  });
  await transaction.run(markRegistrationRevoked(act, id, reason, auditSeq));
  return getRegistration(transaction, id);
}

/** Gives up what runs left open: nobody has the key. */
export async function abandonRegistrations(
  transaction: Transaction,
  act: Act,
  whose: '=' | '<>',
  runId: string,
): Promise<void> {
  const open = await transaction.all(openRegistrations(whose, runId));
  const credentials = open.map(({ id }) => id);
  if (credentials.length === 0) return;
  const details = { credentials };
  await transaction.appendAudit(act, { action: 'registrations-abandoned', fleet: null, details });
  for (const id of credentials) await transaction.run(giveUpRegistration(id));
}
