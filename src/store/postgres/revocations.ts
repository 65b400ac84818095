import type { Act, CeremonyOrigin, ListIntent, RevocationOrder } from '../../ca/index.ts';
import {
  completeList,
  dropOctets,
  findListState,
  fleetOfIssuer,
  listDetails,
  listIssuedDetails,
  listRow,
  verifyFollows,
  verifyNewer,
} from '../revocation-lists.ts';
import {
  byIssuerAndSerial,
  findTargets,
  type OrderHead,
  orderDetails,
  type RevocationTarget,
  sha256,
} from '../revocations.ts';
import { build } from '../session.ts';
import { fleetName } from './fleets.ts';
import type { Transaction } from './transaction.ts';

const SQL = {
  mark: `UPDATE certificate SET revoked_at = $2, revocation_reason = $3, revoked_audit_seq = $4
    WHERE intent_id = ANY ($1::bigint[])`,
  insert: `INSERT INTO revocation (issuer_id, serial, intent_id, not_after, revoked_at, reason, audit_seq)
    SELECT i.issuer_id, i.serial, i.id, i.not_after, $2, $3, $4 FROM unnest($1::bigint[]) AS w (id)
    CROSS JOIN LATERAL (SELECT * FROM intent WHERE id = w.id LIMIT 1) AS i`,
} as const;

/** See the other engine's. */
export async function revokeTargets(
  transaction: Transaction,
  act: Act,
  order: OrderHead,
  found: readonly RevocationTarget[],
): Promise<number> {
  if (found.length === 0) return 0;
  const targets = found.toSorted(byIssuerAndSerial);
  const auditSeq = await transaction.appendAudit(act, {
    action: 'certificates-revoked',
    fleet: await fleetName(transaction, order.fleetId),
    details: orderDetails(order, targets),
  });
  const ids = targets.map(({ intent_id }) => intent_id);
  const marks = [ids, act.at.getTime(), order.reason, auditSeq] as const;
  await transaction.change(SQL.mark, ...marks);
  await transaction.change(SQL.insert, ...marks);
  return targets.length;
}

export const revokeCertificates = async (
  transaction: Transaction,
  act: Act,
  order: RevocationOrder,
): Promise<number> => revokeTargets(transaction, act, order, await transaction.answer(findTargets(order)));

const fleetOf = async (transaction: Transaction, issuerId: number): Promise<string> =>
  fleetName(transaction, await transaction.answer(fleetOfIssuer(issuerId)));

export async function recordListIntent(
  transaction: Transaction,
  act: Act,
  runId: string,
  intent: ListIntent,
): Promise<void> {
  transaction.verifyClock(act.at);
  await transaction.answer(verifyFollows(intent));
  const auditSeq = await transaction.appendAudit(act, {
    action: 'crl-intent-recorded',
    fleet: await fleetOf(transaction, intent.issuerId),
    details: listDetails(listRow(intent, runId, 0)),
  });
  await transaction.run(build.insertInto('revocation_list').values(listRow(intent, runId, auditSeq)));
}

export async function recordListIssued(
  transaction: Transaction,
  act: Act,
  runId: string,
  issuerId: number,
  number: number,
  der: Uint8Array,
  ceremony: CeremonyOrigin | null = null,
): Promise<void> {
  const state = await transaction.answer(findListState(issuerId));
  verifyNewer(state, number);
  const auditSeq = await transaction.appendAudit(act, {
    action: 'crl-issued',
    fleet: await fleetOf(transaction, issuerId),
    details: listIssuedDetails(issuerId, number, sha256(der), ceremony),
  });
  const changes = await transaction.run(completeList(runId, issuerId, number, der, auditSeq));
  if (changes !== 1) throw new Error(`CRL ${number} of issuer ${issuerId} has no open intent of this run`);
  if (state.published) await transaction.run(dropOctets(issuerId, state.published.number));
}

export async function recordListImported(
  transaction: Transaction,
  act: Act,
  runId: string,
  intent: ListIntent,
  der: Uint8Array,
  ceremony: CeremonyOrigin | null,
): Promise<void> {
  await recordListIntent(transaction, act, runId, intent);
  await recordListIssued(transaction, act, runId, intent.issuerId, intent.number, der, ceremony);
}
