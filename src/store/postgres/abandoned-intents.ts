import type { AbandonedIntent, Act } from '../../ca/index.ts';
import { getAbandoned, insertSerial, serialDetails } from '../abandoned-intents.ts';
import { fleetName } from './fleets.ts';
import type { Transaction } from './transaction.ts';

/** See `RevocationLedger.revokeAbandoned`. */
export async function revokeAbandoned(
  transaction: Transaction,
  act: Act,
  intentId: number,
  reason: string,
): Promise<AbandonedIntent> {
  const intent = await transaction.answer(getAbandoned(intentId));
  if (intent.revokedAt !== null) return intent;
  const auditSeq = await transaction.appendAudit(act, {
    action: 'serial-revoked',
    fleet: await fleetName(transaction, intent.fleetId),
    details: serialDetails(intent, reason),
  });
  await transaction.run(insertSerial(intent, act.at, reason, auditSeq));
  return { ...intent, revokedAt: act.at, revocationReason: reason };
}
