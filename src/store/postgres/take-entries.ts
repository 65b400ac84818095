import type { Act, GivenList, TakenEntries } from '../../ca/index.ts';
import type { RevokedEntry } from '../../x509/index.ts';
import {
  byReason,
  planElsewhere,
  planListTaken,
  reasonOf,
  sortEntries,
  takenCounts,
} from '../restorations.ts';
import { revokeAbandoned } from './abandoned-intents.ts';
import { perform } from './planned.ts';
import { revokeTargets } from './revocations.ts';
import type { Transaction } from './transaction.ts';

/** See `RestorationLedger.takeEntries`. */
export async function takeEntries(
  transaction: Transaction,
  act: Act,
  list: GivenList,
  entries: readonly RevokedEntry[],
): Promise<TakenEntries> {
  const sorted = await transaction.answer(sortEntries(list.issuerId, entries));
  const of = { crl: Buffer.from(list.digest).toString('hex') };
  for (const [reason, targets] of byReason(sorted))
    await revokeTargets(transaction, act, { fleetId: sorted.fleetId, of, reason }, targets);
  for (const intent of sorted.abandoned)
    await revokeAbandoned(transaction, act, intent.intentId, reasonOf(sorted, intent));
  if (sorted.unknown.length > 0) await perform(transaction, act, planElsewhere(list, sorted.unknown));
  return takenCounts(sorted);
}

/** See `RestorationLedger.recordListTaken`. */
export async function recordListTaken(transaction: Transaction, act: Act, list: GivenList): Promise<void> {
  const planned = await transaction.answer(planListTaken(list));
  if (!planned) return;
  const { entry, write } = planned;
  await transaction.answer(write(await transaction.appendAudit(act, entry)));
}
