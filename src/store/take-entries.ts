import type { Act, GivenList, TakenEntries } from '../ca/index.ts';
import type { RevokedEntry } from '../x509/index.ts';
import { revokeAbandoned } from './abandoned-intents.ts';
import { answer } from './asking.ts';
import { appendAudit } from './audit.ts';
import { perform } from './planned.ts';
import {
  byReason,
  planElsewhere,
  planListTaken,
  reasonOf,
  sortEntries,
  takenCounts,
} from './restorations.ts';
import { revokeTargets } from './revocations.ts';
import type { Session } from './session.ts';

/** See `RestorationLedger.takeEntries`. */
export function takeEntries(
  session: Session,
  act: Act,
  list: GivenList,
  entries: readonly RevokedEntry[],
): TakenEntries {
  const sorted = answer(session, sortEntries(list.issuerId, entries));
  const of = { crl: Buffer.from(list.digest).toString('hex') };
  for (const [reason, targets] of byReason(sorted))
    revokeTargets(session, act, { fleetId: sorted.fleetId, of, reason }, targets);
  for (const intent of sorted.abandoned)
    revokeAbandoned(session, act, intent.intentId, reasonOf(sorted, intent));
  if (sorted.unknown.length > 0) perform(session, act, planElsewhere(list, sorted.unknown));
  return takenCounts(sorted);
}

/** See `RestorationLedger.recordListTaken`. */
export function recordListTaken(session: Session, act: Act, list: GivenList): void {
  const planned = answer(session, planListTaken(list));
  if (!planned) return;
  const { entry, write } = planned;
  answer(session, write(appendAudit(session, act, entry)));
}
